//! warp, whose filter becomes a service on hyper.

use ::warp::{Filter, ws::WebSocket};
use futures_util::{SinkExt, StreamExt};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use super::library::{Bare, boxed, never};

pub(super) fn serve() -> Bare {
    let filter = ::warp::ws().map(|socket: ::warp::ws::Ws| socket.on_upgrade(echo));
    let service = ::warp::service(filter);
    BoxCloneSyncService::new(ServiceBuilder::new().map_response(boxed).map_err(never).service(service))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}
