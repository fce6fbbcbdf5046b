//! Where the other end of the socket is, as the server has put it into the request.
//!
//! axum puts it there as `ConnectInfo`, and its `MockConnectInfo` does so in tests; with hyper the application inserts
//! a `SocketAddr`. The socket itself is out of reach of a layer.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

#[cfg(feature = "axum")]
pub(super) const UNKNOWN_PEER: &str = "the peer's address is unknown: serve the router with \
                                       `into_make_service_with_connect_info::<SocketAddr>()`, or put a `SocketAddr` \
                                       into each request's extensions";
#[cfg(not(feature = "axum"))]
pub(super) const UNKNOWN_PEER: &str = "the peer's address is unknown: put a `SocketAddr` into each request's \
                                       extensions, or, for axum's `ConnectInfo<SocketAddr>`, switch on feature `axum`";

pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
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

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::*;

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
}
