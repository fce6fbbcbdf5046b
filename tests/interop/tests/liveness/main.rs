//! Limits of time and size, on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod age;
#[path = "../handlers/mod.rs"]
mod handlers;
mod idle;
mod keep_alive;
#[path = "../pipe/mod.rs"]
mod pipe;
mod size;
mod write;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use http::HeaderMap;
use pipe::{Pipe, Seen, ask, closed, text};
use portcullis_core::{Connection, EndedBy};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(24 * 365);
const MILLI: Duration = Duration::from_millis(1);

fn echo() -> Router {
    Router::new().route("/", any(async |up: WebSocketUpgrade| handlers::upgrade(up, handlers::echo)))
}

/// An app whose handler passes on everything that it reads.
fn spied() -> (Router, Arc<Mutex<Vec<Message>>>) {
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
fn busy(time: Duration) -> Router {
    let route = any(async move |up: WebSocketUpgrade| {
        handlers::upgrade(up, async move |socket: WebSocket| {
            sleep(time).await;
            handlers::echo(socket).await;
        })
    });
    Router::new().route("/", route)
}

async fn open(app: &Router) -> Pipe {
    let (head, pipe) = ask(app, "/", "").await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    pipe
}

async fn ping(pipe: &mut Pipe) -> Vec<u8> {
    match pipe.next().await {
        Seen::Other(0x89, payload) => payload,
        seen => panic!("{seen:?} instead of a ping"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_reports_closes_nothing() {
    let app = echo()
        .layer(KeepAliveLayer::new().report_only())
        .layer(IdleTimeoutLayer::new(10 * SECOND).report_only())
        .layer(MaxAgeLayer::new(HOUR).report_only())
        .layer(MessageSizeLayer::new(10).report_only())
        .layer(WriteTimeoutLayer::new(10 * SECOND).report_only());
    let mut pipe = open(&app).await;
    pipe.frame(0x82, &[7; 1000]).await;
    assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
    sleep(2 * HOUR).await;
    pipe.text("still there").await;
    let mut pings = 0;
    loop {
        match pipe.next().await {
            Seen::Other(0x89, _) => pings += 1,
            seen => break assert_eq!(seen, text("still there")),
        }
    }
    assert!(pings > 100, "{pings} pings that nobody answered");
}
