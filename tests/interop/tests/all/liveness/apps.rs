//! What is put behind the layers, and how long a second is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::{
    handlers,
    pipe::{self, Client, Seen},
};
use tokio::time::sleep;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const YEAR: Duration = Duration::from_hours(24 * 365);
pub(super) const MILLI: Duration = Duration::from_millis(1);

pub(super) fn echo() -> Router {
    Router::new().route("/", any(async |up: WebSocketUpgrade| handlers::upgrade(up, handlers::echo)))
}

/// An app whose handler passes on everything that it reads.
pub(super) fn spied() -> (Router, Arc<Mutex<Vec<Message>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let spy = seen.clone();
    let route = any(async move |up: WebSocketUpgrade| {
        handlers::upgrade(up, async move |mut socket: WebSocket| {
            while let Some(Ok(message)) = socket.recv().await {
                spy.lock().unwrap().push(message);
            }
        })
    });
    (Router::new().route("/", route), seen)
}

/// An app whose handler reads nothing for a time, then echoes.
pub(super) fn busy(time: Duration) -> Router {
    let route = any(async move |up: WebSocketUpgrade| {
        handlers::upgrade(up, async move |socket: WebSocket| {
            sleep(time).await;
            handlers::echo(socket).await;
        })
    });
    Router::new().route("/", route)
}

pub(super) async fn open(app: &Router) -> Client {
    pipe::open(app, "/", "").await
}

pub(super) async fn ping(pipe: &mut Client) -> Vec<u8> {
    match pipe.next().await {
        Some(Seen::Ping(payload)) => payload,
        seen => panic!("{seen:?} instead of a ping"),
    }
}
