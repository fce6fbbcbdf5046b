//! The layer and its settings.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    identity::{ChecksOrigin, OriginChecked},
    refusal::Refusal,
};
use tower_layer::Layer;

use crate::{
    origin::{InvalidOrigin, Origin, parse_authority},
    pattern::Origins,
    policy::{Absent, Policy, http_scheme},
    service::OriginCheck,
};

/// Refuses WebSocket handshakes of foreign pages. The crate's page says what is allowed by default.
#[derive(Debug, Clone)]
#[must_use]
pub struct OriginLayer {
    policy: Arc<Policy>,
    report_only: bool,
}

impl OriginLayer {
    /// Allows a list of origins: `https://app.example.com`, or `https://*.example.com` for its subdomains.
    ///
    /// # Errors
    ///
    /// The first that is invalid, and why.
    pub fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        Ok(Self::listed(Origins::new(origins)?))
    }

    /// Allows a list that can be replaced while the server runs.
    pub fn listed(list: Origins) -> Self {
        Self::with(Policy { list, ..Policy::default() })
    }

    /// Allows the server's own origin: host and port as in `Host` or `:authority`, the scheme as stated with
    /// [`scheme`](Self::scheme), else as a trusted peer's `X-Forwarded-Proto` or the URI says, else http or https.
    pub fn same_origin() -> Self {
        Self::with(Policy { same_origin: true, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), report_only: false }
    }

    /// Allows the server's own origin too, beside a list.
    pub fn or_same_origin(self) -> Self {
        self.set(|policy| policy.same_origin = true)
    }

    /// The scheme under which clients reach this server: `https` or `http`, or `wss` or `ws` for the same.
    ///
    /// # Errors
    ///
    /// Any other.
    pub fn scheme(self, scheme: &str) -> Result<Self, InvalidOrigin> {
        let scheme = http_scheme(scheme);
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(InvalidOrigin::of("scheme", &scheme, "a server is reached by https or http"));
        }
        Ok(self.set(|policy| policy.scheme = Some(scheme)))
    }

    /// Allows `null`, which any page can send from a sandboxed frame.
    pub fn allow_null(self) -> Self {
        self.set(|policy| policy.null = true)
    }

    /// Allows handshakes without an origin, with cookies too.
    pub fn allow_absent(self) -> Self {
        self.set(|policy| policy.absent = Absent::Allow)
    }

    /// Refuses handshakes without an origin.
    pub fn deny_absent(self) -> Self {
        self.set(|policy| policy.absent = Absent::Deny)
    }

    /// Allows only these hosts, as `host` (with any port) or `host:port`: against DNS rebinding.
    ///
    /// # Errors
    ///
    /// The first that is invalid, and why.
    pub fn hosts(self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        let parse = |host: &str| parse_authority(host).map_err(|why| InvalidOrigin::of("host", host, why));
        let hosts = hosts.into_iter().map(|host| parse(host.as_ref())).collect::<Result<_, _>>()?;
        Ok(self.set(|policy| policy.hosts = Some(hosts)))
    }

    /// Allows what a closure allows, beside what is listed: for applications with many tenants.
    pub fn allow_if(self, allow: impl Fn(&Origin, &Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|policy| policy.closure = Some(Arc::new(allow)))
    }

    /// Refuses nothing. What would be refused is still counted and logged, with features `metrics` and `tracing`.
    pub fn report_only(mut self) -> Self {
        self.report_only = true;
        self
    }

    /// The decision about a handshake, as a plain function.
    ///
    /// # Errors
    ///
    /// Why it would be refused.
    pub fn admit(&self, parts: &Parts) -> Result<(), Refusal> {
        self.policy.admit(parts)
    }

    /// Marks the request as checked, unless on report only.
    pub(crate) fn check(&self, parts: &mut Parts) -> Result<(), Refusal> {
        match self.policy.admit(parts) {
            Err(refusal) if self.report_only => refusal.report(),
            Err(refusal) => return Err(refusal),
            Ok(()) if self.report_only => {}
            Ok(()) => drop(parts.extensions.insert(OriginChecked)),
        }
        Ok(())
    }

    fn set(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(Arc::make_mut(&mut self.policy));
        self
    }
}

impl ChecksOrigin for OriginLayer {}

impl<S> Layer<S> for OriginLayer {
    type Service = OriginCheck<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OriginCheck::new(inner, self.clone())
    }
}
