//! The builder of the layer that determines the client's address.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName};
use tower_layer::Layer;

use super::{
    service::ClientIpService,
    settings::{InvalidNetwork, Settings, Source, network},
};

/// Determines the client's address, and inserts it into the request as
/// [`ClientIp`](portcullis_core::identity::ClientIp) for the layers inside.
///
/// The peer's address is taken from axum's `ConnectInfo<SocketAddr>` or, in tests, `MockConnectInfo` (feature `axum`),
/// or from a `SocketAddr` in the request's extensions, which users of hyper insert. A handshake without any of these is
/// answered with 500. Plain requests, which are not handshakes, get the address as well, but pass without one.
///
/// If the peer is a trusted proxy, its header is read from the right, over all of its lines. The first address that is
/// not a trusted proxy is the client. If an entry is not an address, the search ends and the address before it is
/// taken.
///
/// # Defaults
///
/// No proxy is trusted: the peer is the client. `X-Forwarded-For` is read once a proxy is trusted.
///
/// ```
/// # use std::{convert::Infallible, net::SocketAddr};
/// use http::{Request, Response};
/// use portcullis_connections::ClientIpLayer;
/// use portcullis_core::identity::ClientIp;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let inner = service_fn(async |request: Request<()>| {
///     Ok::<_, Infallible>(Response::new(request.extensions().get::<ClientIp>().copied()))
/// });
/// let service = ClientIpLayer::new().trust(["10.0.0.0/8"])?.layer(inner);
/// let handshake = || Request::get("/ws").header("upgrade", "websocket").header("x-forwarded-for", "203.0.113.9");
///
/// // A user of hyper inserts the peer's address; axum's `into_make_service_with_connect_info` does it by itself.
/// let behind_proxy = handshake().extension(SocketAddr::from(([10, 0, 0, 1], 1234))).body(())?;
/// let response = service.clone().oneshot(behind_proxy).await?;
/// assert_eq!(response.body(), &Some(ClientIp([203, 0, 113, 9].into())));
///
/// let direct = handshake().extension(SocketAddr::from(([192, 0, 2, 1], 1234))).body(())?;
/// let response = service.clone().oneshot(direct).await?;
/// assert_eq!(response.body(), &Some(ClientIp([192, 0, 2, 1].into())), "this client has written the header itself");
///
/// let unknown = service.oneshot(handshake().body(())?).await?;
/// assert_eq!(unknown.status(), 500, "a mistake in the composition, which the log explains");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientIpLayer {
    settings: Arc<Settings>,
}

impl ClientIpLayer {
    /// Creates a layer that trusts no proxy: the peer is the client.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// let request = Request::get("/").header("x-forwarded-for", "203.0.113.9").body(()).unwrap();
    /// let client = ClientIpLayer::new().client([192, 0, 2, 1].into(), request.headers());
    /// assert_eq!(client.to_string(), "192.0.2.1", "whatever the header says");
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts proxies with these addresses, or in networks such as `10.0.0.0/8`. An IPv4 address that is mapped into
    /// IPv6 counts as the IPv4 address.
    ///
    /// # Errors
    ///
    /// Returns the first invalid entry. Also fails if the trusted networks, together with those of earlier calls,
    /// contain all IPv4 or all IPv6 addresses.
    ///
    /// ```
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// assert!(ClientIpLayer::new().trust(["10.0.0.0/8", "2001:db8::/48"]).is_ok());
    /// let error = ClientIpLayer::new().trust(["0.0.0.0/1", "128.0.0.0/1"]).unwrap_err();
    /// assert!(error.to_string().contains("danger_trust_everyone"));
    /// ```
    pub fn trust(mut self, networks: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidNetwork> {
        let networks = networks.into_iter().map(|text| network(text.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Arc::make_mut(&mut self.settings).trust(networks)?;
        Ok(self)
    }

    /// Trusts every peer. The client is then the leftmost address in the header, which any client that can reach this
    /// server chooses freely. Use it only for servers that nothing but a proxy can reach.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// let (parts, ()) = Request::get("/").header("x-forwarded-for", "192.0.2.1").body(()).unwrap().into_parts();
    /// let client = ClientIpLayer::new().danger_trust_everyone().client("203.0.113.9".parse()?, &parts.headers);
    /// assert_eq!(client.to_string(), "192.0.2.1");
    /// # Ok::<_, std::net::AddrParseError>(())
    /// ```
    pub fn danger_trust_everyone(self) -> Self {
        self.set(|settings| settings.everyone = true)
    }

    /// Reads the `Forwarded` header (RFC 7239) instead of `X-Forwarded-For`.
    ///
    /// # Panics
    ///
    /// If another header was set before.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// let layer = ClientIpLayer::new().trust(["10.0.0.1"])?.forwarded();
    /// let request = Request::get("/").header("forwarded", "for=203.0.113.9;proto=https").body(()).unwrap();
    /// assert_eq!(layer.client([10, 0, 0, 1].into(), request.headers()).to_string(), "203.0.113.9");
    /// # Ok::<_, portcullis_connections::InvalidNetwork>(())
    /// ```
    #[track_caller]
    pub fn forwarded(self) -> Self {
        self.read(Source::Forwarded)
    }

    /// Reads another header with addresses, such as the one that a CDN sets.
    ///
    /// # Panics
    ///
    /// If another header was set before.
    ///
    /// ```
    /// use http::{HeaderName, Request};
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// let header = HeaderName::from_static("cf-connecting-ip");
    /// let layer = ClientIpLayer::new().trust(["10.0.0.1"])?.header(header);
    /// let request = Request::get("/").header("cf-connecting-ip", "203.0.113.9").body(()).unwrap();
    /// assert_eq!(layer.client([10, 0, 0, 1].into(), request.headers()).to_string(), "203.0.113.9");
    /// # Ok::<_, portcullis_connections::InvalidNetwork>(())
    /// ```
    #[track_caller]
    pub fn header(self, name: HeaderName) -> Self {
        self.read(Source::List(name))
    }

    /// Returns the client's address, as a plain function without a service.
    ///
    /// The search through the header begins at its end, because each proxy appends the address of its peer:
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_connections::ClientIpLayer;
    ///
    /// let layer = ClientIpLayer::new().trust(["10.0.0.0/8", "198.51.100.7"])?;
    /// for (lines, client, why) in [
    ///     (&[][..], "10.0.0.1", "no header: the proxy itself is the client, as in its health checks"),
    ///     (&["203.0.113.9"], "203.0.113.9", "one proxy"),
    ///     (&["203.0.113.9, 198.51.100.7"], "203.0.113.9", "two proxies, both of them trusted"),
    ///     (&["203.0.113.9", "198.51.100.7"], "203.0.113.9", "several lines are one list (RFC 9110, section 5.3)"),
    ///     (&["1.1.1.1, 203.0.113.9"], "203.0.113.9", "the client has sent the first entry itself"),
    ///     (&["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2", "nothing to the left of what is no address"),
    /// ] {
    ///     let mut request = Request::get("/ws");
    ///     for line in lines {
    ///         request = request.header("x-forwarded-for", *line);
    ///     }
    ///     let request = request.body(()).unwrap();
    ///     assert_eq!(layer.client([10, 0, 0, 1].into(), request.headers()).to_string(), client, "{why}");
    /// }
    /// # Ok::<_, portcullis_connections::InvalidNetwork>(())
    /// ```
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.settings.client(peer, headers)
    }

    #[track_caller]
    fn read(mut self, source: Source) -> Self {
        Arc::make_mut(&mut self.settings).read(source);
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ClientIpLayer {
    type Service = ClientIpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientIpService::new(inner, self.settings.clone())
    }
}
