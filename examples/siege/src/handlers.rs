//! What the application does with a socket, the same on both sides.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// What the handlers saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// How many feeds are being written.
    feeds: watch::Sender<usize>,
}

/// A feed that is being written, from its handshake to the end of its handler.
struct Feed(Arc<Seen>);

impl Feed {
    fn new(seen: Arc<Seen>) -> Self {
        seen.feeds.send_modify(|feeds| *feeds += 1);
        Self(seen)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.feeds.send_modify(|feeds| *feeds -= 1);
    }
}

impl Seen {
    fn count(&self, message: &Message) -> bool {
        let (Message::Text(_) | Message::Binary(_)) = message else { return false };
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(message.clone().into_data().len() as u64, Ordering::Relaxed);
        true
    }
}

/// How long a busy handler does something else: longer than the guarded server waits for an answer to a ping.
const BUSY: Duration = Duration::from_millis(1500);

/// How long it is waited for a feed to end: longer than the guarded server gives a client that does not read.
const FEED: Duration = Duration::from_millis(1800);

/// How many messages of how many bytes a feed sends: more than the kernels of both sides hold.
const FEED_MESSAGES: usize = 1024;
const FEED_BYTES: usize = 64 * 1024;

pub(crate) async fn upgrade(State(seen): State<Arc<Seen>>, socket: WebSocketUpgrade) -> Response {
    let socket = socket.protocols(["bearer"]).read_buffer_size(16 * 1024).max_write_buffer_size(1024 * 1024);
    socket.on_upgrade(move |socket| echo(socket, seen))
}

/// The same for messages of any size that the library takes.
pub(crate) async fn upgrade_large(State(seen): State<Arc<Seen>>, socket: WebSocketUpgrade) -> Response {
    socket.on_upgrade(move |socket| echo(socket, seen))
}

/// Reads nothing for a time, then echoes.
pub(crate) async fn upgrade_busy(State(seen): State<Arc<Seen>>, socket: WebSocketUpgrade) -> Response {
    socket.on_upgrade(async move |socket| {
        sleep(BUSY).await;
        echo(socket, seen).await;
    })
}

pub(crate) async fn upgrade_feed(State(seen): State<Arc<Seen>>, socket: WebSocketUpgrade) -> Response {
    let feed = Feed::new(seen);
    socket.on_upgrade(move |socket| write_feed(socket, feed))
}

async fn echo(mut socket: WebSocket, seen: Arc<Seen>) {
    while let Some(Ok(message)) = socket.recv().await {
        if seen.count(&message) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Sends all that there is to whoever asks.
async fn write_feed(mut socket: WebSocket, feed: Feed) {
    let Some(Ok(asked)) = socket.recv().await else { return };
    feed.0.count(&asked);
    let part = Bytes::from(vec![0; FEED_BYTES]);
    for _ in 0..FEED_MESSAGES {
        if socket.send(Message::Binary(part.clone())).await.is_err() {
            return;
        }
    }
}

/// Whether the handlers of all feeds have come to their end, if need be in a while.
pub(crate) async fn freed(State(seen): State<Arc<Seen>>) -> String {
    let mut feeds = seen.feeds.subscribe();
    timeout(FEED, feeds.wait_for(|feeds| *feeds == 0)).await.is_ok().to_string()
}

pub(crate) async fn panics(mut socket: WebSocket) {
    let _first = socket.recv().await;
    // The default hook would print a backtrace in the middle of the table.
    std::panic::resume_unwind(Box::new("a bug in the handler"));
}

pub(crate) async fn returns(mut socket: WebSocket) {
    let _first = socket.recv().await;
}
