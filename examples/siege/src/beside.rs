//! Routes beside the socket on the same router: a plain API, and the polling of a fallback transport.

use axum::{
    Router,
    extract::{Request, ws::WebSocketUpgrade},
    http::{StatusCode, header::COOKIE},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use portcullis_connections::{ClientIpLayer, HandshakeRateLayer};
use portcullis_jwt::JwtLayer;
use portcullis_origin::OriginLayer;
use serde_json::Value;

use crate::{Result, handlers::returns, page::OWN, tokens};

/// The routes that neither side protects by itself: `/beside/ws` is the socket.
fn open() -> Router {
    Router::new()
        .route("/beside/ws", any(async |socket: WebSocketUpgrade| socket.on_upgrade(returns)))
        .route("/beside/messages", get(async || "earlier messages"))
        .route("/beside/poll", get(async || r#"0{"sid":"7","upgrades":["websocket"]}"#).post(async || "ok"))
}

/// Moves money of the signed-in user.
fn transfer() -> Router {
    Router::new().route("/beside/transfer", post(async || "done"))
}

/// One stack of layers for all routes.
pub(crate) fn guarded() -> Result<Router> {
    let origins = OriginLayer::new([OWN])?.plain_requests();
    let layer = JwtLayer::<Value>::new(tokens::verifier()?).bearer().cookie("session", &origins);
    let failures = HandshakeRateLayer::per_second(20).per_client_ip();
    Ok(open().merge(transfer()).layer(layer).layer(failures).layer(origins).layer(ClientIpLayer::new()))
}

/// By hand, as applications do it: the handler of the socket requires a token, and the transfer the session cookie.
pub(crate) fn bare() -> Router {
    open().merge(transfer().layer(from_fn(signed_in)))
}

async fn signed_in(request: Request, next: Next) -> Response {
    let cookies = request.headers().get(COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="));
    let bearer = || request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ");
    let good = session.or_else(bearer).is_some_and(tokens::is_good);
    if good { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}
