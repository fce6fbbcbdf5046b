//! What is allowed besides the list, and which hosts a request may be for: the settings of a layer, one method each.

use std::sync::Arc;

use http::request::Parts;

use crate::{
    layer::OriginLayer,
    origin::{InvalidOrigin, Origin, parse_authority},
    policy::http_scheme,
};

impl OriginLayer {
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
}
