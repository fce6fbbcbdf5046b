//! The smallest guarded server: one route with one layer around it.

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    routing::any,
};
use portcullis::rate_limit::MessageRateLayer;

/// An echo with a limit on messages. The handler does not know about the limit.
pub fn app() -> Router {
    Router::new()
        .route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.read_buffer_size(16 * 1024).on_upgrade(echo)))
        .layer(MessageRateLayer::per_second(20).burst(40)) // the only line about security
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
