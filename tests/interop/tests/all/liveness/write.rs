//! Write timeouts: peers that read, and peers that do not.

use std::sync::mpsc;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::pipe::Seen;
use portcullis_core::{Connection, EndedBy, testing::Handshake};
use portcullis_liveness::{KeepAliveLayer, WriteTimeoutLayer};
use tokio::time::{Instant, sleep};

use super::apps::{HOUR, MILLI, SECOND, open};

/// A handler that sends messages of a size, and reports how its writing ended.
fn sender(bytes: usize, give_up: bool) -> (Router, mpsc::Receiver<Connection>) {
    let (handles, watch) = mpsc::channel();
    let route = any(async move |up: WebSocketUpgrade, connection: Connection| {
        handles.send(connection).unwrap();
        up.max_write_buffer_size(usize::MAX).on_upgrade(async move |mut socket: WebSocket| {
            let send = async {
                // What is written after the end is swallowed for a while, which never passes on a busy paused clock.
                while socket.send(Message::binary(vec![7; bytes])).await.is_ok() {
                    sleep(MILLI).await;
                }
            };
            if give_up {
                let _gave_up = tokio::time::timeout(SECOND, send).await;
                while socket.recv().await.is_some_and(|message| message.is_ok()) {}
            } else {
                send.await;
            }
        })
    });
    (Router::new().route("/", route), watch)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_ended() {
    let (app, handles) = sender(1000, false);
    let pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND))).await;
    let opened = Instant::now();
    let ended = handles.recv().unwrap().closed().await;
    let took = opened.elapsed();
    assert!(took >= 10 * SECOND && took < 20 * SECOND, "{took:?}");
    assert_eq!(ended.by, EndedBy::Guard);
    drop(pipe);
}

#[tokio::test(start_paused = true)]
async fn its_time_does_not_wait_for_a_later_deadline() {
    let (app, handles) = sender(1000, false);
    let keepalive = KeepAliveLayer::new().interval(HOUR);
    let pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND)).layer(keepalive)).await;
    let opened = Instant::now();
    handles.recv().unwrap().closed().await;
    assert!(opened.elapsed() < 20 * SECOND, "{:?}", opened.elapsed());
    drop(pipe);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_a_little_now_and_then_is_kept() {
    let (app, _handles) = sender(1000, false);
    // With less room than a message needs, each that is taken is a read.
    let handshake = Handshake::new("/").pipe(512);
    let mut pipe = handshake.connect(app.layer(WriteTimeoutLayer::new(10 * SECOND))).await.unwrap();
    for _ in 0..100 {
        sleep(9 * SECOND).await;
        assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_handler_gave_up_is_not_the_peers_fault_once_there_is_room() {
    let (app, handles) = sender(1000, true);
    let mut pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND))).await;
    let handle = handles.recv().unwrap();
    sleep(5 * SECOND).await;
    for _ in 0..50 {
        assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
    }
    sleep(HOUR).await;
    assert_eq!(handle.close_reason(), None);
}
