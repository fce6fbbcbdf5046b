//! A service whose handlers keep their sockets, and the bodies of its responses.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tower::util::BoxCloneSyncService;

/// The body of responses: axum's, or another.
#[cfg(feature = "axum")]
pub type Body = axum_core::body::Body;
/// The body of responses: axum's, or another.
#[cfg(not(feature = "axum"))]
pub type Body = http_body_util::Full<bytes::Bytes>;

/// A service that upgrades every request, and keeps the socket until the client is gone.
pub type Running = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// A service that upgrades every request, and keeps the socket for an hour.
pub fn running() -> Running {
    BoxCloneSyncService::new(tower::service_fn(async |mut request: Request<Incoming>| {
        if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
            tokio::spawn(async move {
                let _socket = upgrade.await;
                tokio::time::sleep(std::time::Duration::from_hours(1)).await;
            });
        }
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", http::HeaderValue::from_static("websocket"));
        Ok::<_, Infallible>(response)
    }))
}
