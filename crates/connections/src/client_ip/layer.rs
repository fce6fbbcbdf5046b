//! The builder of the search for a client's address.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName};
use tower_layer::Layer;

use super::{
    service::ClientIpService,
    settings::{InvalidNetwork, Settings, Source, network},
};

/// Puts the client's address into the request, for the layers inside.
///
/// The peer's address is axum's `ConnectInfo<SocketAddr>`, or in a test its `MockConnectInfo` (feature `axum`), or a
/// `SocketAddr` that a user of hyper has put into the request's extensions. A handshake without any is answered with a
/// 500. Plain requests, which are not handshakes, get the address, too, and pass without one. If the peer is a trusted
/// proxy, what it says of whom it forwards is walked from the right, over all lines of the header: the first hop that
/// is no trusted proxy is the client. A hop that is no address ends the walk, and the one before it is taken.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientIpLayer {
    settings: Arc<Settings>,
}

impl ClientIpLayer {
    /// The peer is the client.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes these peers: addresses, or networks such as `10.0.0.0/8`. An IPv4 address that comes as an IPv6 one is
    /// the IPv4 address.
    ///
    /// # Errors
    ///
    /// The first that is invalid; or networks that, with those trusted before, are all IPv4 or all IPv6 addresses.
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

    /// Believes every peer: the client is the leftmost address of the header, which any client that reaches this server
    /// chooses as it likes. For servers that nothing but a proxy can reach.
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

    /// Reads `Forwarded` (RFC 7239) instead of `X-Forwarded-For`.
    ///
    /// # Panics
    ///
    /// If another header was named before.
    #[track_caller]
    pub fn forwarded(self) -> Self {
        self.read(Source::Forwarded)
    }

    /// Reads another header of addresses, such as one that a CDN sets.
    ///
    /// # Panics
    ///
    /// If another header was named before.
    #[track_caller]
    pub fn header(self, name: HeaderName) -> Self {
        self.read(Source::List(name))
    }

    /// The decision, as a plain function.
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
