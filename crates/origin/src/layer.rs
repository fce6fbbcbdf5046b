//! The builder: which origins, hosts and requests are allowed. Values are checked when they are passed in.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    csrf::CsrfChecked,
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

    /// Also allows the server's own origin, in addition to the list. See [`same_origin`](Self::same_origin).
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let layer = OriginLayer::new(["https://partner.example"])?.or_same_origin();
    /// let admit = |origin: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("host", "chat.example.com");
    ///     layer.admit(&handshake.header("origin", origin).body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("https://partner.example").is_ok());
    /// assert!(admit("https://chat.example.com").is_ok());
    /// assert!(admit("https://evil.example").is_err());
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn or_same_origin(self) -> Self {
        self.set(|policy| policy.same_origin = true)
    }

    /// Sets the scheme under which clients reach this server: `https` or `http`; `wss` and `ws` mean the same.
    ///
    /// Used by [`same_origin`](Self::same_origin) and [`or_same_origin`](Self::or_same_origin). Set it where TLS ends
    /// in front of the server: otherwise a page served over plain http by the same host counts as the server's own.
    ///
    /// # Errors
    ///
    /// If `scheme` is any other.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let layer = OriginLayer::same_origin().scheme("https")?;
    /// let admit = |origin: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("host", "chat.example.com");
    ///     layer.admit(&handshake.header("origin", origin).body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("https://chat.example.com").is_ok());
    /// assert!(admit("http://chat.example.com").is_err());
    /// assert!(OriginLayer::same_origin().scheme("ftp").is_err());
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn scheme(self, scheme: &str) -> Result<Self, InvalidOrigin> {
        let scheme = http_scheme(scheme);
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(InvalidOrigin::of("scheme", &scheme, "a server is reached by https or http"));
        }
        Ok(self.set(|policy| policy.scheme = Some(scheme)))
    }

    /// Allows the origin `null`, which any page can send from a sandboxed frame.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let admit = |layer: OriginLayer| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("origin", "null");
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit(OriginLayer::same_origin()).is_err());
    /// assert!(admit(OriginLayer::same_origin().allow_null()).is_ok());
    /// ```
    pub fn allow_null(self) -> Self {
        self.set(|policy| policy.null = true)
    }

    /// Allows the origin `file://`, which some web views send for pages loaded from files. Any other such
    /// application on the user's device sends it, too.
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

    /// Allows handshakes without an `Origin` header even if they carry cookies.
    ///
    /// By default those without cookies are allowed already. [`deny_absent`](Self::deny_absent) takes precedence,
    /// regardless of the order of the calls.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let admit = |layer: OriginLayer| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("cookie", "session=alice");
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit(OriginLayer::same_origin()).is_err());
    /// assert!(admit(OriginLayer::same_origin().allow_absent()).is_ok());
    /// ```
    pub fn allow_absent(self) -> Self {
        self.set(|policy| policy.allow_absent = true)
    }

    /// Refuses handshakes without an `Origin` header, so that only browsers get in, and clients that imitate one.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let admit = |layer: OriginLayer| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket");
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit(OriginLayer::same_origin()).is_ok());
    /// assert!(admit(OriginLayer::same_origin().deny_absent()).is_err());
    /// ```
    pub fn deny_absent(self) -> Self {
        self.set(|policy| policy.deny_absent = true)
    }

    /// Allows only requests for these hosts, against DNS rebinding. An entry is `host`, for any port, or `host:port`.
    ///
    /// Several calls add to the list. With an empty list every request is refused.
    ///
    /// # Errors
    ///
    /// Returns the first invalid entry and what is wrong with it.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// let layer = OriginLayer::same_origin().hosts(["chat.example.com"])?;
    /// let admit = |host: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("host", host);
    ///     let handshake = handshake.header("origin", format!("https://{host}"));
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("chat.example.com:8443").is_ok());
    /// // The attacker's own name, which resolves to this server's address.
    /// assert!(admit("rebound.evil.example").is_err());
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn hosts(self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        let parse = |host: &str| parse_authority(host).map_err(|why| InvalidOrigin::of("host", host, why));
        let hosts = hosts.into_iter().map(|host| parse(host.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(self.set(|policy| policy.hosts.get_or_insert_default().extend(hosts)))
    }

    /// Also allows origins for which `allow` returns true, for example those of an application's tenants.
    ///
    /// It is called only for origins that are not allowed otherwise. With several closures, one that returns true is
    /// enough.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_origin::OriginLayer;
    ///
    /// // Each tenant's page may only use the tenant's own path.
    /// let layer = OriginLayer::new(["https://app.example.com"])?.allow_if(|origin, parts| {
    ///     origin.scheme() == "https" && parts.uri.path() == format!("/{}/ws", origin.host())
    /// });
    /// let admit = |path: &str| {
    ///     let handshake = Request::get(path).header("upgrade", "websocket");
    ///     let handshake = handshake.header("origin", "https://a.tenant.example");
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(admit("/a.tenant.example/ws").is_ok());
    /// assert!(admit("/b.tenant.example/ws").is_err());
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn allow_if(self, allow: impl Fn(&Origin, &Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|policy| policy.closures.push(Arc::new(allow)))
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
