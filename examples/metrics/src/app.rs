//! The guarded application: an echo.

use std::time::Duration;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use portcullis::{
    CloseCode, CloseLayer, Connection,
    connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer},
    liveness::{IdleTimeoutLayer, KeepAliveLayer, MessageSizeLayer},
    origin::OriginLayer,
    rate_limit::MessageRateLayer,
};
use tower::ServiceBuilder;

use crate::Result;

/// The only origin whose pages may connect. Clients that are not browsers may connect as well.
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// No code here is about metrics: each layer counts what it does.
pub(crate) fn guarded() -> Result<Router> {
    let layers = ServiceBuilder::new()
        .layer(CloseLayer::new())
        .layer(ClientIpLayer::new().trust(["127.0.0.0/8"])?) // simulated clients send their address
        .layer(OriginLayer::new([ORIGIN])?)
        .layer(HandshakeRateLayer::per_second(10).burst(30).per_client_ip())
        .layer(ConnectionLimitLayer::new().global(500).per_client_ip(8))
        .layer(KeepAliveLayer::new().interval(Duration::from_secs(2)))
        .layer(IdleTimeoutLayer::new(Duration::from_secs(30)))
        .layer(MessageSizeLayer::new(4096))
        .layer(MessageRateLayer::per_second(10).burst(20));
    Ok(Router::new().route("/ws", any(upgrade)).layer(layers))
}

async fn upgrade(upgrade: WebSocketUpgrade, connection: Connection) -> Response {
    upgrade.read_buffer_size(16 * 1024).on_upgrade(connection.supervise(echo))
}

async fn echo(mut socket: WebSocket) -> Result<(), (CloseCode, &'static str)> {
    while let Some(Ok(message)) = socket.recv().await {
        if message.to_text().is_ok_and(|text| text == "fail") {
            return Err((CloseCode::INTERNAL_ERROR, "as requested"));
        }
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}
