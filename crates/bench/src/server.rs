//! The servers: the same handlers behind every side.

use std::{
    io::{self, Write},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpListener;

use crate::{
    kept::{self, is_data},
    parts, runtime,
    side::Side,
};

/// Serves until it is killed, and prints its address first.
pub(crate) fn run(side: Side, nodelay: bool) -> io::Result<()> {
    runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        let listener = listener.tap_io(move |stream| {
            // A peer that has left already has no use for it.
            let _left = stream.set_nodelay(nodelay);
        });
        axum::serve(listener, router(side)).await
    })
}

/// The routes of a side.
pub(crate) fn router(side: Side) -> Router {
    pinging(side, parts::INTERVAL)
}

/// The routes of a side that pings, if it does, at that interval.
pub(crate) fn pinging(side: Side, interval: Duration) -> Router {
    let flush = |upgrade: WebSocketUpgrade| async { accept(upgrade, flush) };
    let batch = |upgrade: WebSocketUpgrade| async { accept(upgrade, batch) };
    let kept =
        move |upgrade: WebSocketUpgrade| async move { accept(upgrade, move |socket| kept::keep(socket, interval)) };
    let routes = Router::new().route("/flush", any(flush)).route("/batch", any(batch)).route("/kept", any(kept));
    // As `axum::serve` does. Without it, layers are made anew for each request.
    side.guard(routes.with_state(()), interval)
}

fn accept<F, R>(upgrade: WebSocketUpgrade, handler: F) -> Response
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    upgrade.read_buffer_size(16 * 1024).on_upgrade(handler)
}

async fn flush(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if is_data(&message) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn batch(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if answer_all(&mut socket, message).await.is_err() {
            return;
        }
    }
}

/// Answers a message and all that are ready behind it, then flushes once.
async fn answer_all(socket: &mut WebSocket, first: Message) -> Result<(), axum::Error> {
    let mut next = Some(first);
    while let Some(message) = next {
        if is_data(&message) {
            socket.feed(message).await?;
        }
        next = socket.next().now_or_never().flatten().transpose()?;
    }
    socket.flush().await
}
