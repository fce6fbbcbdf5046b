//! The guarded connection under axum over HTTP/1.1, seen by a client that reads bytes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use interop::{
    handlers::{echo, limited, upgrade},
    pipe,
    wire::{self, Seen, Wire, serve},
};
use portcullis_core::{Connection, GuardLayer};
use portcullis_rate_limit::Allowance;
use tokio::{
    io::{AsyncWriteExt, join, sink, split},
    sync::Notify,
};
use tower::ServiceExt;

/// Feeds all that is ready, and flushes once.
async fn batch(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let mut next = Some(message);
        while let Some(message) = next.take() {
            if matches!(message, Message::Binary(_)) && socket.feed(message).await.is_err() {
                return;
            }
            let ready = std::future::poll_fn(|cx| match socket.poll_next_unpin(cx) {
                std::task::Poll::Ready(message) => std::task::Poll::Ready(message),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            });
            next = ready.await.and_then(Result::ok);
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// Answers through a channel to a writer task.
async fn split_up(socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    let writer = tokio::spawn(async move {
        while let Some(message) = receiver.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        if matches!(message, Message::Binary(_)) && sender.send(message).await.is_err() {
            break;
        }
    }
    drop(sender);
    let _writer_is_done = writer.await;
}

/// Many more messages than are admitted.
fn too_many() -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..5000 {
        wire::put_frame(&mut bytes, 0x82, &[7; 1024]);
    }
    bytes
}

/// A client that sends too much at once gets the answers to all that was admitted, and then the close.
async fn flood(app: &Router, bytes: Vec<u8>) {
    let (io, _) = pipe::open(app, "/", "").await.into_parts();
    let (read, mut write) = split(io);
    // The server stops reading, so this ends when it drains.
    tokio::spawn(async move { write.write_all(&bytes).await });
    let (mut client, mut messages) = (pipe::Client::new(join(read, sink())), 0);
    let end = loop {
        match client.next().await {
            Some(pipe::Seen::Binary(_)) => messages += 1,
            end => break end,
        }
    };
    assert_eq!((messages, end), (100, pipe::closed(1008, "enough")));
}

/// The same over a socket, where the handler leaves when its client has all answers.
async fn flood_of_threads(address: SocketAddr, bytes: Vec<u8>, answered: &Notify) {
    let mut wire = Wire::open(address, "/").await;
    wire.send_in_background(bytes);
    for message in 0..100 {
        let seen = wire.next().await;
        assert!(matches!(seen, Seen::Frame(0x82, _)), "{message}: {seen:?}");
    }
    answered.notify_one();
    assert_eq!(wire.next().await, Seen::Close(1008, "enough".into()));
}

macro_rules! flood_tests {
    ($($handler:ident: $name:ident, $of_threads:ident;)*) => {$(
        // With the default patience. The clock moves only while no task can run, so a busy machine is no slow handler.
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let handler = |up: WebSocketUpgrade| async { upgrade(up, $handler) };
            let app = Router::new().route("/", any(handler)).layer(limited(100));
            let bytes = too_many();
            for _ in 0..50 {
                flood(&app, bytes.clone()).await;
            }
        }

        // With the handler, the driver and the client on any of two threads, and no part for a clock that cannot be
        // held there: nothing but the handler ends the wait.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $of_threads() {
            let answered = Arc::new(Notify::new());
            let done = answered.clone();
            let handler = move |up: WebSocketUpgrade| {
                let done = done.clone();
                let leave = async move |socket| tokio::select! {
                    () = $handler(socket) => {}
                    () = done.notified() => {}
                };
                async { upgrade(up, leave) }
            };
            let patient = GuardLayer::new().quiet(Duration::from_hours(1)).grace(Duration::from_hours(1));
            let address = serve(Router::new().route("/", any(handler)).layer(limited(100)).layer(patient)).await;
            let bytes = too_many();
            for _ in 0..50 {
                flood_of_threads(address, bytes.clone(), &answered).await;
            }
        }
    )*};
}

flood_tests! {
    echo:
        answers_before_a_close_arrive_from_a_handler_that_answers_each,
        answers_before_a_close_arrive_from_a_handler_on_another_thread;
    batch:
        answers_before_a_close_arrive_from_a_handler_that_batches,
        answers_before_a_close_arrive_from_a_handler_on_another_thread_that_batches;
    split_up:
        answers_before_a_close_arrive_from_a_handler_that_is_split,
        answers_before_a_close_arrive_from_a_handler_on_another_thread_that_is_split;
}

#[tokio::test]
async fn messages_pass_and_layers_share_a_connection() {
    let handler = |up: WebSocketUpgrade| async { upgrade(up, echo) };
    let app = Router::new().route("/", any(handler)).layer(limited(5)).layer(limited(2)).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    for text in ["one", "two"] {
        wire.send(0x81, text.as_bytes()).await;
        assert_eq!(wire.next().await, Seen::Frame(0x81, text.into()));
    }
    wire.send(0x81, b"three").await;
    assert_eq!(wire.next().await, Seen::Close(1008, "enough".into()));
}

#[tokio::test]
async fn frames_behind_the_handshake_are_not_lost() {
    let handler = |up: WebSocketUpgrade| async { upgrade(up, echo) };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let mut frame = Vec::new();
    wire::put_frame(&mut frame, 0x81, b"early");
    let mut wire = Wire::open_with(serve(app).await, "/", &frame).await;
    assert_eq!(wire.next().await, Seen::Frame(0x81, b"early".to_vec()));
}

#[tokio::test]
async fn extractors_distinguish_a_plain_request_from_a_missing_layer() {
    let connection = any(async |_: Connection| "never");
    let allowance = any(async |_: Allowance| "never");
    let app = Router::new().route("/connection", connection).route("/allowance", allowance);
    for path in ["/connection", "/allowance"] {
        for (header, status) in [("accept", 400), ("upgrade", 500)] {
            let request = Request::get(path).header(header, "websocket").body(Body::empty()).unwrap();
            assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{path} {header}");
        }
    }
}

#[tokio::test]
async fn framing_rules_close_with_1002_and_name_the_rule() {
    let handler = |up: WebSocketUpgrade| async { upgrade(up, echo) };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let address = serve(app).await;
    for (bytes, rule) in [
        (&[0x81, 0x00][..], "client frame is not masked"),
        (&[0xc1, 0x80, 0, 0, 0, 0], "reserved bit set"),
        (&[0x83, 0x80, 0, 0, 0, 0], "reserved opcode"),
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], "control frame over 125 bytes"),
        (&[0x09, 0x80, 0, 0, 0, 0], "fragmented control frame"),
        (&[0x80, 0x80, 0, 0, 0, 0], "continuation without a message"),
        (&[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], "message inside a fragmented message"),
        (&[0x82, 0xff, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "frame length out of range"),
    ] {
        let mut wire = Wire::open(address, "/").await;
        wire.write(bytes).await;
        assert_eq!(wire.next().await, Seen::Close(1002, rule.into()), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_route_that_was_added_behind_the_layers_is_refused_where_the_handler_wants_a_proof() {
    let proven = any(async |up: WebSocketUpgrade, _: Connection| up.on_upgrade(async |_| ()));
    let unproven = any(async |up: WebSocketUpgrade| up.on_upgrade(async |_| ()));
    let app = Router::new().route("/before", proven.clone()).layer(GuardLayer::new());
    let app = app.route("/behind", proven).route("/unproven", unproven);
    for (path, status) in [("/before", 101), ("/unproven", 101), ("/behind", 500)] {
        assert_eq!(pipe::status(&app, path, "").await, status, "{path}");
    }
    let answer = String::from_utf8(pipe::answer(&app, "/behind", "").await.into_body().to_vec()).unwrap();
    let said = answer.contains("`Router::layer` covers the routes that were added before it");
    assert_eq!(said, cfg!(debug_assertions), "{answer}");
}
