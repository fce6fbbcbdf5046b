//! Idle timeouts.

use std::time::Duration;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::{
    handlers,
    pipe::{Seen, closed, text},
};
use portcullis_liveness::IdleTimeoutLayer;
use tokio::time::{Instant, sleep};

use super::apps::{HOUR, SECOND, busy, echo, open};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_timeout_and_not_earlier() {
    let mut pipe = open(&echo().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
    for _ in 0..5 {
        sleep(Duration::from_millis(9_998)).await;
        pipe.send_text("still there").await.unwrap();
        assert_eq!(pipe.next().await, text("still there"));
    }
    let last = Instant::now();
    assert_eq!(pipe.next().await, closed(3008, "idle for too long"));
    let took = last.elapsed();
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_count() {
    let mut pipe = open(&echo().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
    let opened = Instant::now();
    sleep(9 * SECOND).await;
    pipe.send_frame(0x89, b"").await.unwrap();
    assert_eq!(pipe.next().await, Some(Seen::Pong(Vec::new())));
    assert_eq!(pipe.next().await, closed(3008, "idle for too long"));
    assert!(opened.elapsed() < 12 * SECOND);
}

/// A handler that sends a message every second.
fn feed() -> Router {
    let route = any(async |up: WebSocketUpgrade| {
        handlers::upgrade(up, async |mut socket: WebSocket| {
            while socket.send(Message::text("tick")).await.is_ok() {
                sleep(SECOND).await;
            }
        })
    });
    Router::new().route("/", route)
}

#[tokio::test(start_paused = true)]
async fn messages_of_the_server_count_unless_inbound_only() {
    let mut pipe = open(&feed().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
    for _ in 0..100 {
        assert_eq!(pipe.next().await, text("tick"));
    }
    let mut pipe = open(&feed().layer(IdleTimeoutLayer::new(10 * SECOND).inbound_only())).await;
    let opened = Instant::now();
    while pipe.next().await == text("tick") {}
    assert!(opened.elapsed() >= 10 * SECOND && opened.elapsed() < 12 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_a_busy_handler_leaves_unread_counts() {
    let mut pipe = open(&busy(HOUR).layer(IdleTimeoutLayer::new(10 * SECOND))).await;
    pipe.send_text("hello").await.unwrap();
    let opened = Instant::now();
    assert_eq!(pipe.next().await, text("hello"));
    assert!(opened.elapsed() >= HOUR);
}
