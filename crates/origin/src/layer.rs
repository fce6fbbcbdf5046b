//! The builder: which origins, hosts and requests, checked as they are said.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    handshake::is_handshake,
    identity::{ChecksOrigin, OriginChecked},
    refusal::Refusal,
};
use tower_layer::Layer;

use crate::{
    origin::{InvalidOrigin, Origin, parse_authority},
    pattern::Origins,
    policy::{Policy, http_scheme},
    service::OriginService,
};

/// Refuses WebSocket handshakes of foreign pages. The crate's page says what is allowed by default.
#[derive(Debug, Clone)]
#[must_use]
pub struct OriginLayer {
    policy: Arc<Policy>,
    plain: bool,
    report_only: bool,
}

impl OriginLayer {
    /// Allows a list of origins: `https://app.example.com`, or `https://*.example.com` for its subdomains. With an empty
    /// list no handshake that has an origin is allowed.
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

    /// Allows every origin: those of all web pages, `null` and `file://`. Any page that a user visits may open a
    /// connection, with the user's cookies. Headers that are repeated or malformed are still refused, and what is
    /// said about [absent origins](Self::deny_absent) and [`hosts`](Self::hosts) still holds.
    ///
    /// The layer vouches for no handshake then: layers inside treat its origin as not checked.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let layer = OriginLayer::danger_any();
    /// let handshake = Request::get("/ws").header("upgrade", "websocket").header("origin", "https://evil.example");
    /// assert!(layer.admit(&handshake.body(()).unwrap().into_parts().0).is_ok());
    /// ```
    pub fn danger_any() -> Self {
        Self::with(Policy { any: true, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), plain: false, report_only: false }
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

    /// Allows `file://`, which some web views send for pages of their own files, and any other such application on the
    /// user's device sends, too.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let ask = |layer: &OriginLayer| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("origin", "file://");
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(ask(&OriginLayer::same_origin()).is_err());
    /// assert!(ask(&OriginLayer::same_origin().allow_file()).is_ok());
    /// ```
    pub fn allow_file(self) -> Self {
        self.set(|policy| policy.file = true)
    }

    /// Allows handshakes without an origin, with cookies too. [`deny_absent`](Self::deny_absent) takes precedence,
    /// whatever the order of calls.
    pub fn allow_absent(self) -> Self {
        self.set(|policy| policy.allow_absent = true)
    }

    /// Refuses handshakes without an origin.
    pub fn deny_absent(self) -> Self {
        self.set(|policy| policy.deny_absent = true)
    }

    /// Allows only these hosts, as `host` (with any port) or `host:port`: against DNS rebinding. With an empty list
    /// nobody is admitted. Hosts of several calls add up.
    ///
    /// # Errors
    ///
    /// The first that is invalid, and why.
    pub fn hosts(self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        let parse = |host: &str| parse_authority(host).map_err(|why| InvalidOrigin::of("host", host, why));
        let hosts = hosts.into_iter().map(|host| parse(host.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(self.set(|policy| policy.hosts.get_or_insert_default().extend(hosts)))
    }

    /// Allows what a closure allows, beside what is listed: for applications with many tenants. Of several closures one
    /// that allows is enough.
    pub fn allow_if(self, allow: impl Fn(&Origin, &Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|policy| policy.closures.push(Arc::new(allow)))
    }

    /// Judges plain requests, too: those of a method that may change something, which any page can make a browser send
    /// with its user's cookies (cross-site request forgery). What is allowed is said on the crate's page; `null`,
    /// absent origins and [`hosts`](Self::hosts) are treated as for handshakes. More are refused with 403.
    ///
    /// `GET`, `HEAD` and `OPTIONS` pass, but for their hosts: let no handler change anything by them. The refusals here
    /// are not CORS: a page of another origin needs the answers of a CORS layer outside, and its origin in this list.
    ///
    /// Without this, a `JwtLayer` inside accepts cookies of `GET`, `HEAD` and handshakes alone.
    ///
    /// ```
    /// use http::{Request, StatusCode};
    /// use portcullis_origin::OriginLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let transfer = service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(())));
    /// let service = OriginLayer::new(["https://app.example.com"])?.plain_requests().layer(transfer);
    /// let ask = async |origin: &str| {
    ///     let request = Request::post("/transfer").header("origin", origin).header("cookie", "session=alice");
    ///     service.clone().oneshot(request.body(()).unwrap()).await.unwrap().status()
    /// };
    /// assert_eq!(ask("https://app.example.com").await, StatusCode::OK);
    /// assert_eq!(ask("https://evil.example").await, StatusCode::FORBIDDEN);
    /// # Ok(()) }
    /// ```
    pub fn plain_requests(mut self) -> Self {
        self.plain = true;
        self
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

    /// Judges a request, and marks it as checked, unless on report only.
    pub(crate) fn judge(&self, parts: &mut Parts) -> Result<(), Refusal> {
        if is_handshake(parts) {
            return self.check(parts);
        }
        if self.plain { self.check_plain(parts) } else { Ok(()) }
    }

    fn check_plain(&self, parts: &mut Parts) -> Result<(), Refusal> {
        match self.policy.admit_plain(parts) {
            Err(refusal) if self.report_only => refusal.answering(parts).report(),
            Err(refusal) => return Err(refusal),
            Ok(Some(proof)) if !self.report_only && !self.policy.any => drop(parts.extensions.insert(proof)),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Marks the request as checked, unless on report only, or where no origin is foreign.
    fn check(&self, parts: &mut Parts) -> Result<(), Refusal> {
        match self.policy.admit(parts) {
            Err(refusal) if self.report_only => refusal.report(),
            Err(refusal) => return Err(refusal),
            Ok(()) if self.report_only || self.policy.any => {}
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
    type Service = OriginService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OriginService::new(inner, self.clone())
    }
}
