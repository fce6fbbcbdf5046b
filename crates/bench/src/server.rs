//! The servers: the same handlers behind every side.

use std::{
    io::{self, Write},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Path,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpListener;

use crate::{
    by_hand,
    kept::{self, is_data},
    parts, runtime,
    side::Side,
};

/// Serves until it is killed, and prints its address first. Whatever pings does so at that interval.
pub(crate) fn run(side: Side, nodelay: bool, interval: Duration) -> io::Result<()> {
    runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        let listener = listener.tap_io(move |stream| {
            // A peer that has left already has no use for it.
            let _left = stream.set_nodelay(nodelay);
        });
        // axum clones a bare router for each connection, with all layers of all routes. See BENCHMARKS.md, "Routers".
        axum::serve(listener, pinging(side, interval).into_make_service()).await
    })
}

/// The routes of a side.
pub(crate) fn router(side: Side) -> Router {
    pinging(side, parts::INTERVAL)
}

/// The read buffer by default.
pub(crate) const BUFFER: usize = 16 * 1024;

/// The routes of a side that pings, if it does, at that interval.
pub(crate) fn pinging(side: Side, interval: Duration) -> Router {
    let buffered =
        |Path(kib): Path<usize>, upgrade: WebSocketUpgrade| async move { accept(upgrade, kib * 1024, flush) };
    let flush = |upgrade: WebSocketUpgrade| async { accept(upgrade, BUFFER, flush) };
    let batch = |upgrade: WebSocketUpgrade| async { accept(upgrade, BUFFER, batch) };
    let kept = move |upgrade: WebSocketUpgrade| async move {
        accept(upgrade, BUFFER, move |socket| kept::keep(socket, interval))
    };
    let flush = match side {
        Side::ByHand => any(by_hand::by_status),
        Side::ByHandClose => any(by_hand::by_close),
        _ => any(flush),
    };
    let routes = Router::new().route("/flush", flush).route("/batch", any(batch)).route("/kept", any(kept));
    let routes = routes.route("/buffered/{kib}", any(buffered));
    // As `axum::serve` does. Without it, layers are made anew for each request.
    side.guard(routes.with_state(()), interval)
}

/// Upgrades, for a handler whose library reads a number of bytes at once.
pub(crate) fn accept<F, R>(upgrade: WebSocketUpgrade, buffer: usize, handler: F) -> Response
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    upgrade.read_buffer_size(buffer).on_upgrade(handler)
}

/// Answers each message at once.
pub(crate) async fn flush(mut socket: WebSocket) {
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
