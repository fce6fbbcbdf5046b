//! Which address is found behind which proxies, and what becomes of others.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, HeaderName, Request, Response};
use portcullis_core::identity::{ClientIp, TrustedPeer};
use tower::{Layer, ServiceExt, service_fn};

use super::ClientIpLayer;

#[test]
fn the_client_is_the_first_whom_nobody_trusts() {
    let layer =
        ClientIpLayer::new().trust(["10.0.0.0/8", "2001:db8:f::/48", "192.0.2.250", "::ffff:172.16.0.0/108"]).unwrap();
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

#[test]
fn networks_that_are_everyone_are_an_error_unless_that_is_said() {
    for networks in [
        &["0.0.0.0/0"][..],
        &["::/0"],
        &["10.0.0.0/8", "192.0.2.1/0"],
        &["0.0.0.0/1", "128.0.0.0/1"],
        &["128.0.0.0/1", "64.0.0.0/2", "0.0.0.0/2"],
        &["::/1", "8000::/1"],
        &["::ffff:0:0/96"],
    ] {
        let error = ClientIpLayer::new().trust(networks).unwrap_err().to_string();
        assert!(error.ends_with("list the proxies, or say `danger_trust_everyone`"), "{networks:?}: {error}");
        let one_by_one = networks.iter().try_fold(ClientIpLayer::new(), |layer, network| layer.trust([network]));
        assert!(one_by_one.is_err(), "{networks:?}");
    }
    assert!(ClientIpLayer::new().trust(["0.0.0.0/1", "128.0.0.0/2", "2000::/3"]).is_ok());
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), "192.0.2.1".parse().unwrap())]);
    for peer in ["203.0.113.1", "2001:db8::1"] {
        let found = |layer: ClientIpLayer| layer.client(peer.parse().unwrap(), &headers).to_string();
        assert_eq!(found(ClientIpLayer::new()), peer);
        assert_eq!(found(ClientIpLayer::new().danger_trust_everyone()), "192.0.2.1");
    }
}

#[test]
fn wrong_networks_are_errors_when_the_layer_is_built() {
    for network in ["10.0.0.0/33", "10.0.0", "", "localhost", "10.0.0.0/-1", "2001:db8::/129"] {
        let error = ClientIpLayer::new().trust([network]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("invalid network {network:?}")), "{error}");
    }
}

#[tokio::test]
async fn what_something_else_says_of_the_client_is_replaced_or_removed() {
    let layer = ClientIpLayer::new().trust(["10.0.0.1"]).unwrap();
    let seen = layer.layer(service_fn(async |request: Request<()>| {
        let client = request.extensions().get().map(|ClientIp(address)| *address);
        Ok::<_, Infallible>(Response::new((client, request.extensions().get::<TrustedPeer>().is_some())))
    }));
    for (peer, trusted) in [(None, false), (Some([192, 0, 2, 1]), false), (Some([10, 0, 0, 1]), true)] {
        let mut request = Request::new(());
        request.extensions_mut().insert(ClientIp([203, 0, 113, 9].into()));
        request.extensions_mut().insert(TrustedPeer);
        peer.map(|peer| request.extensions_mut().insert(SocketAddr::from((peer, 1))));
        let response = seen.clone().oneshot(request).await.unwrap();
        assert_eq!(response.into_body(), (peer.map(IpAddr::from), trusted), "{peer:?}");
    }
}
