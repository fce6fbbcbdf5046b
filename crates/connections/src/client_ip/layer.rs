//! The layer and its service.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, HeaderMap, HeaderName, Request, Response};
use ipnet::IpNet;
use portcullis_core::{
    Connection, handshake,
    identity::{ClientAddr, TrustedPeer},
    refusal::Refusal,
    upgrade::ResponseFuture,
};
use tower_layer::Layer;
use tower_service::Service;

use super::forwarded;

/// Puts the client's address into the request, for the layers inside.
///
/// The peer's address is axum's `ConnectInfo<SocketAddr>`, or in a test its `MockConnectInfo` (feature `axum`), or a
/// `SocketAddr` that a user of hyper has put into the request's extensions. A handshake without any is answered with a
/// 500. If the peer is a trusted proxy, what it says of whom it forwards is walked from the right, over all lines of the
/// header: the first hop that is no trusted proxy is the client. A hop that is no address ends the walk, and the one
/// before it is taken.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientIpLayer {
    settings: Arc<Settings>,
}

#[derive(Debug, Clone, Default)]
struct Settings {
    trusted: Vec<IpNet>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Forwarded,
    List(HeaderName),
}

impl Default for Source {
    fn default() -> Self {
        Self::List(HeaderName::from_static("x-forwarded-for"))
    }
}

/// A text that is no network, such as `10.0.0.0/8`, and no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNetwork(String);

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid network {:?}: neither an address nor one with a prefix, such as 10.0.0.0/8", self.0)
    }
}

impl Error for InvalidNetwork {}

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
    /// The first that is invalid.
    pub fn trust(self, networks: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidNetwork> {
        let parse = |text: &str| {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            text.parse().ok().or_else(address).map(canonical).ok_or_else(|| InvalidNetwork(text.to_owned()))
        };
        let networks = networks.into_iter().map(|text| parse(text.as_ref())).collect::<Result<Vec<IpNet>, _>>()?;
        Ok(self.set(|settings| settings.trusted.extend(networks)))
    }

    /// Reads `Forwarded` (RFC 7239) instead of `X-Forwarded-For`.
    pub fn forwarded(self) -> Self {
        self.set(|settings| settings.source = Source::Forwarded)
    }

    /// Reads another header of addresses, such as one that a CDN sets.
    pub fn header(self, name: HeaderName) -> Self {
        self.set(|settings| settings.source = Source::List(name))
    }

    /// The decision, as a plain function.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        match &self.settings.source {
            Source::Forwarded => self.walk(peer, &forwarded::forwarded(headers)),
            Source::List(name) => self.walk(peer, &forwarded::listed(headers, name)),
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut client = peer;
        for hop in hops {
            let Some(hop) = *hop else { break };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.settings.trusted.iter().any(|network| network.contains(&address))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ClientIpLayer {
    type Service = ClientIp<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientIp { inner, layer: self.clone() }
    }
}

/// The service of [`ClientIpLayer`].
#[derive(Debug, Clone)]
pub struct ClientIp<S> {
    inner: S,
    layer: ClientIpLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ClientIp<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // What somebody else has put there is nobody's word.
        request.extensions_mut().remove::<ClientAddr>();
        request.extensions_mut().remove::<TrustedPeer>();
        let Some(peer) = peer(request.extensions()) else {
            if handshake::is_handshake(&request) {
                return ResponseFuture::refused(Refusal::wiring(UNKNOWN_PEER));
            }
            return ResponseFuture::inner(self.inner.call(request));
        };
        let client = self.layer.client(peer, request.headers());
        request.extensions_mut().insert(ClientAddr(client));
        if let Some(connection) = request.extensions().get::<Connection>() {
            connection.locate(client);
        }
        if self.layer.trusts(peer.to_canonical()) {
            request.extensions_mut().insert(TrustedPeer);
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}

#[cfg(feature = "axum")]
const UNKNOWN_PEER: &str = "the peer's address is unknown: serve the router with \
                            `into_make_service_with_connect_info::<SocketAddr>()`, or put a `SocketAddr` into each \
                            request's extensions";
#[cfg(not(feature = "axum"))]
const UNKNOWN_PEER: &str = "the peer's address is unknown: put a `SocketAddr` into each request's extensions, or, for \
                            axum's `ConnectInfo<SocketAddr>`, switch on feature `axum`";

/// A network of IPv4 addresses that come as IPv6 ones is the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let v4 = mapped.network().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok()).unwrap_or(network)
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(address) = connect_info(extensions) {
        return Some(address.ip());
    }
    extensions.get::<SocketAddr>().map(SocketAddr::ip)
}

/// As axum's own extractor finds it.
#[cfg(feature = "axum")]
fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
    let real = extensions.get().map(|ConnectInfo(address)| *address);
    real.or_else(|| extensions.get().map(|MockConnectInfo(address)| *address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_first_whom_nobody_trusts() {
        let layer = ClientIpLayer::new()
            .trust(["10.0.0.0/8", "2001:db8:f::/48", "192.0.2.250", "::ffff:172.16.0.0/108"])
            .unwrap();
        for (peer, header, client) in [
            ("203.0.113.1", "198.51.100.1", "203.0.113.1"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.250", "198.51.100.1", "198.51.100.1"),
            ("192.0.2.251", "198.51.100.1", "192.0.2.251"),
            ("2001:db8:f::1", "2001:db8::7", "2001:db8::7"),
            ("172.16.9.9", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "\", 198.51.100.1", "198.51.100.1"),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), header.parse().unwrap())]);
            let found = layer.client(peer.parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {header}");
        }
        assert_eq!(layer.client("10.0.0.1".parse().unwrap(), &HeaderMap::new()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn other_headers_are_read_where_the_user_says_so() {
        let headers: HeaderMap =
            [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2"), ("cf-connecting-ip", "3.3.3.3")]
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
        let layer = || ClientIpLayer::new().trust(["10.0.0.1"]).unwrap();
        let found = |layer: ClientIpLayer| layer.client("10.0.0.1".parse().unwrap(), &headers).to_string();
        assert_eq!(found(layer()), "1.1.1.1");
        assert_eq!(found(layer().forwarded()), "2.2.2.2");
        assert_eq!(found(layer().header(HeaderName::from_static("cf-connecting-ip"))), "3.3.3.3");
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_mocked_peer_counts_where_there_is_no_real_one() {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
        let (real, mocked) = (SocketAddr::from(([192, 0, 2, 1], 1)), SocketAddr::from(([192, 0, 2, 2], 1)));
        let mut extensions = Extensions::new();
        assert_eq!(peer(&extensions), None);
        extensions.insert(MockConnectInfo(mocked));
        assert_eq!(peer(&extensions), Some(mocked.ip()));
        extensions.insert(ConnectInfo(real));
        assert_eq!(peer(&extensions), Some(real.ip()));
    }

    #[test]
    fn wrong_networks_are_errors_when_the_layer_is_built() {
        for network in ["10.0.0.0/33", "10.0.0", "", "localhost", "10.0.0.0/-1", "2001:db8::/129"] {
            let error = ClientIpLayer::new().trust([network]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid network {network:?}")), "{error}");
        }
    }
}
