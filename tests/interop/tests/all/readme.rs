//! The liveness of connections behind the layers in README's example.

use std::{sync::mpsc, time::Duration};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::pipe;
use portcullis_core::{Connection, EndedBy};
use portcullis_liveness::{KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer};
use tokio::time::{sleep, timeout};

const README: &str = include_str!("../../../../README.md");

/// The lines of the example that check that a client is alive and reads. Layers apply from the top down.
const LIVENESS: [&str; 3] = [
    ".layer(MessageSizeLayer::new(64 * 1024))",
    ".layer(WriteTimeoutLayer::default())",
    ".layer(KeepAliveLayer::new())",
];

fn example(routes: Router) -> Router {
    routes.layer(KeepAliveLayer::new()).layer(WriteTimeoutLayer::default()).layer(MessageSizeLayer::new(64 * 1024))
}

#[test]
fn the_layers_of_these_tests_are_those_of_the_example() {
    let at = LIVENESS.map(|line| README.find(line).unwrap_or_else(|| panic!("the example has no {line}")));
    assert!(at.is_sorted(), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_in_the_middle_of_an_answer_is_ended() {
    let (handles, watch) = mpsc::channel();
    let route = any(async move |up: WebSocketUpgrade, connection: Connection| {
        handles.send(connection).unwrap();
        up.on_upgrade(async move |mut socket: WebSocket| {
            let _asked = socket.recv().await;
            // More than the pipe holds.
            let _cut_off = socket.send(Message::binary(vec![7; 1024 * 1024])).await;
        })
    });
    let mut client = pipe::open(&example(Router::new().route("/", route)), "/", "").await;
    let connection = watch.recv().unwrap();
    client.send_text("everything").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let ended = timeout(Duration::from_mins(1), connection.closed()).await.expect("a minute passed");
    assert_eq!(ended.by, EndedBy::Guard);
    drop(client);
}
