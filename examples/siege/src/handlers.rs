//! The handlers of the application, the same on both sides.

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

/// What reached the handlers.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// The number of feeds being written.
    feeds: watch::Sender<usize>,
}

/// A feed that is being written, from its handshake to the end of its handler.
struct Feed(Arc<Counters>);

impl Feed {
    fn new(counters: Arc<Counters>) -> Self {
        counters.feeds.send_modify(|feeds| *feeds += 1);
        Self(counters)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.feeds.send_modify(|feeds| *feeds -= 1);
    }
}

impl Counters {
    fn count(&self, message: &Message) -> bool {
        let (Message::Text(_) | Message::Binary(_)) = message else { return false };
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(message.clone().into_data().len() as u64, Ordering::Relaxed);
        true
    }
}

/// How long a busy handler does not read: longer than the guarded server waits for the answer to a ping.
const BUSY: Duration = Duration::from_millis(1500);

/// How long to wait for feeds to end: longer than the guarded server waits for a client that does not read.
const FEED: Duration = Duration::from_millis(1800);

/// The number and size of messages in a feed: more than the kernels of both sides buffer.
const FEED_MESSAGES: usize = 1024;
const FEED_BYTES: usize = 64 * 1024;

pub(crate) async fn upgrade(State(counters): State<Arc<Counters>>, socket: WebSocketUpgrade) -> Response {
    let socket = socket.protocols(["bearer"]).read_buffer_size(16 * 1024).max_write_buffer_size(1024 * 1024);
    socket.on_upgrade(move |socket| echo(socket, counters))
}

/// An echo for messages of any size that the library accepts.
pub(crate) async fn upgrade_large(State(counters): State<Arc<Counters>>, socket: WebSocketUpgrade) -> Response {
    socket.on_upgrade(move |socket| echo(socket, counters))
}

/// Reads nothing for a time, then echoes.
pub(crate) async fn upgrade_busy(State(counters): State<Arc<Counters>>, socket: WebSocketUpgrade) -> Response {
    socket.on_upgrade(async move |socket| {
        sleep(BUSY).await;
        echo(socket, counters).await;
    })
}

pub(crate) async fn upgrade_feed(State(counters): State<Arc<Counters>>, socket: WebSocketUpgrade) -> Response {
    let feed = Feed::new(counters);
    socket.on_upgrade(move |socket| write_feed(socket, feed))
}

async fn echo(mut socket: WebSocket, counters: Arc<Counters>) {
    while let Some(Ok(message)) = socket.recv().await {
        if counters.count(&message) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Sends the whole feed in response to the first message.
async fn write_feed(mut socket: WebSocket, feed: Feed) {
    let Some(Ok(request)) = socket.recv().await else { return };
    feed.0.count(&request);
    let part = Bytes::from(vec![0; FEED_BYTES]);
    for _ in 0..FEED_MESSAGES {
        if socket.send(Message::Binary(part.clone())).await.is_err() {
            return;
        }
    }
}

/// Whether the handlers of all feeds end within a while.
pub(crate) async fn freed(State(counters): State<Arc<Counters>>) -> String {
    let mut feeds = counters.feeds.subscribe();
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
