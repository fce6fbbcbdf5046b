//! The layer: which origins it allows, which requests it checks, and what it does with one that is not allowed.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    csrf::CsrfChecked,
    handshake::is_handshake,
    identity::{ChecksOrigin, OriginChecked},
    refusal::Refusal,
};
use tower_layer::Layer;

use crate::{origin::InvalidOrigin, pattern::Origins, policy::Policy, service::OriginService};

/// Refuses WebSocket handshakes from pages of foreign origins with 403.
///
/// The [crate's page](crate) lists the rules and the defaults. A refusal is never turned into an accepted and closed
/// connection: a foreign page learns nothing beyond the failed handshake.
#[derive(Debug, Clone)]
#[must_use]
pub struct OriginLayer {
    policy: Arc<Policy>,
    plain: bool,
    report_only: bool,
}

impl OriginLayer {
    /// Allows the origins in a list: `https://app.example.com`, or `https://*.example.com` for all subdomains. With an
    /// empty list, every handshake that has an origin is refused.
    ///
    /// # Errors
    ///
    /// Returns the first invalid entry and what is wrong with it.
    ///
    /// ```
    /// use portcullis_origin::OriginLayer;
    ///
    /// assert!(OriginLayer::new(["https://app.example.com", "https://*.example.net"]).is_ok());
    /// let error = OriginLayer::new(["https://app.example.com/chat"]).unwrap_err();
    /// let expected = "invalid origin \"https://app.example.com/chat\": a path is not part of an origin";
    /// assert_eq!(error.to_string(), expected);
    /// // A wildcard for all origins has to be spelled out: `OriginLayer::danger_any`.
    /// assert!(OriginLayer::new(["*"]).is_err());
    /// ```
    pub fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        Ok(Self::listed(Origins::new(origins)?))
    }

    /// Allows the origins in a list that can be replaced while the server runs.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::{OriginLayer, Origins};
    ///
    /// let origins = Origins::new(["https://old.example.com"])?;
    /// let layer = OriginLayer::listed(origins.clone());
    /// let admit = |origin: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("origin", origin);
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("https://new.example.com").is_err());
    /// origins.replace(["https://new.example.com"])?;
    /// assert!(admit("https://new.example.com").is_ok());
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn listed(list: Origins) -> Self {
        Self::with(Policy { list, ..Policy::default() })
    }

    /// Allows the server's own origin.
    ///
    /// Host and port are taken from `Host` or `:authority`. The scheme is the one set with [`scheme`](Self::scheme),
    /// else that of a trusted peer's `X-Forwarded-Proto`, else that of the request's URI; if none of them is known,
    /// both http and https are allowed.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let layer = OriginLayer::same_origin();
    /// let admit = |origin: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("host", "chat.example.com");
    ///     layer.admit(&handshake.header("origin", origin).body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("https://chat.example.com").is_ok());
    /// assert!(admit("https://chat.example.com:8443").is_err());
    /// assert!(admit("https://evil.example").is_err());
    /// ```
    pub fn same_origin() -> Self {
        Self::with(Policy { same_origin: true, ..Policy::default() })
    }

    /// Allows every origin: those of all web pages, `null` and `file://`.
    ///
    /// Any page that a user visits can then open a connection that carries the user's cookies. Repeated and malformed
    /// headers are still refused, and the settings for [absent origins](Self::deny_absent) and [`hosts`](Self::hosts)
    /// still apply. Layers inside treat the origin as unchecked.
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

    /// Also checks plain requests whose method may change something, against cross-site request forgery: any page can
    /// make a browser send them with the user's cookies.
    ///
    /// The [crate's page](crate) lists what is allowed; `null`, absent origins and [`hosts`](Self::hosts) are treated
    /// as for handshakes. Other requests are refused with 403.
    ///
    /// `GET`, `HEAD` and `OPTIONS` are checked for their host only: no handler should change anything on them. This
    /// does not replace CORS: a page of another origin needs the response headers of a CORS layer outside this one, and
    /// its origin in this list.
    ///
    /// Without this setting, a `JwtLayer` inside accepts cookies on `GET` and `HEAD` requests and on handshakes only.
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

    /// Refuses nothing, but counts and logs what would be refused (features `metrics` and `tracing`).
    ///
    /// [`admit`](Self::admit) still returns the refusal.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use portcullis_origin::OriginLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let foreign = async |layer: OriginLayer| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("origin", "https://evil.example");
    ///     layer.layer(inner).oneshot(handshake.body(()).unwrap()).await.unwrap().status()
    /// };
    /// let layer = OriginLayer::new(["https://app.example.com"])?;
    /// assert_eq!(foreign(layer.clone()).await, 403);
    /// assert_eq!(foreign(layer.report_only()).await, 200);
    /// # Ok(()) }
    /// ```
    pub fn report_only(mut self) -> Self {
        self.report_only = true;
        self
    }

    /// Decides about a handshake, as a plain function without a service.
    ///
    /// # Errors
    ///
    /// Returns the refusal that the layer would answer with.
    pub fn admit(&self, parts: &Parts) -> Result<(), Refusal> {
        self.policy.admit(parts)
    }

    /// Decides about a request that is not a handshake, as [`plain_requests`](Self::plain_requests) does, whether or
    /// not that is set. Returns a proof if it may change something and is allowed.
    ///
    /// # Errors
    ///
    /// Returns the refusal that the layer would answer with.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let own = OriginLayer::same_origin();
    /// let ask = |origin| {
    ///     let request = Request::post("/transfer").header("host", "a.example").header("origin", origin);
    ///     own.admit_plain(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(ask("https://a.example").is_ok());
    /// assert!(ask("https://evil.example").is_err());
    /// ```
    pub fn admit_plain(&self, parts: &Parts) -> Result<Option<CsrfChecked>, Refusal> {
        self.policy.admit_plain(parts)
    }

    /// Checks a request, and marks it as checked unless the layer only reports.
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

    /// Marks the request as checked, unless the layer only reports or allows every origin.
    fn check(&self, parts: &mut Parts) -> Result<(), Refusal> {
        match self.policy.admit(parts) {
            Err(refusal) if self.report_only => refusal.report(),
            Err(refusal) => return Err(refusal),
            Ok(()) if self.report_only || self.policy.any => {}
            Ok(()) => drop(parts.extensions.insert(OriginChecked)),
        }
        Ok(())
    }

    /// Changes the policy. Layers that were cloned from this one keep theirs.
    pub(crate) fn set(mut self, change: impl FnOnce(&mut Policy)) -> Self {
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
