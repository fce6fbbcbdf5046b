//! axum's own WebSocket.

use ::axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use super::library::{Bare, boxed, never};

pub(super) fn serve() -> Bare {
    let app = Router::new()
        .route("/", any(async |upgrade: WebSocketUpgrade| upgrade.read_buffer_size(16 * 1024).on_upgrade(echo)));
    BoxCloneSyncService::new(ServiceBuilder::new().map_response(boxed).map_err(never).service(app))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
