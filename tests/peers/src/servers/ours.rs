//! A plain axum handler behind all layers.

use std::time::Duration;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use portcullis::{
    CloseLayer,
    connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer},
    jwt::{JwtLayer, Verifier},
    liveness::{IdleTimeoutLayer, KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer},
    origin::OriginLayer,
    rate_limit::{ByteQuota, MessageRateLayer},
};
use serde_json::Value;

use super::{SIZE, SOON, bytes};
use crate::{
    Result,
    token::{ISSUER, OWN, SECRET},
};

pub(super) fn app(burst: u32, sockets: usize) -> Result<Router> {
    let origins = OriginLayer::new([OWN])?;
    let verifier = Verifier::hs256(SECRET).issuer(ISSUER).audience("chat").leeway(Duration::ZERO).build()?;
    let messages = MessageRateLayer::per_second((burst / 2).max(1)).burst(burst);
    let bytes = u64::from(bytes(burst));
    let messages = messages.byte_quota(ByteQuota::per_second(bytes / 2).allow_burst(bytes));
    let handshakes = if burst > 1000 { 100_000 } else { 20 };
    Ok(Router::new()
        .route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.read_buffer_size(4096).on_upgrade(echo)))
        .layer(WriteTimeoutLayer::new(SOON))
        .layer(IdleTimeoutLayer::new(2 * SOON))
        .layer(KeepAliveLayer::new().interval(SOON).timeout(SOON))
        .layer(MessageSizeLayer::new(SIZE).timeout(2 * SOON))
        .layer(messages)
        .layer(JwtLayer::<Value>::new(verifier).bearer().cookie("session", &origins))
        .layer(ConnectionLimitLayer::new().per_client_ip(sockets))
        .layer(HandshakeRateLayer::per_second(handshakes).burst(handshakes * 5).per_client_ip())
        .layer(origins)
        .layer(ClientIpLayer::new())
        .layer(CloseLayer::new()))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
