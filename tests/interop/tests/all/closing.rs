//! How guarded connections close, seen by a client that reads bytes.

use std::{sync::mpsc, time::Duration};

use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    routing::any,
};
use interop::{
    handlers::{bye, echo, upgrade, watched},
    wire::{self, Seen, Wire, serve},
};
use portcullis_core::{
    EndedBy, GuardLayer,
    settings::{Closing, Grace},
};

#[tokio::test]
async fn malformed_closes_are_answered() {
    let handler = |up: WebSocketUpgrade| async { upgrade(up, echo) };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let address = serve(app).await;
    for (payload, code) in [(&b"\x03"[..], 1002), (b"\x03\xee", 1002), (b"\x03\xe8\xff", 1007)] {
        let mut wire = Wire::open(address, "/").await;
        wire.send(0x88, payload).await;
        let seen = wire.next().await;
        assert!(matches!(seen, Seen::Close(found, _) if found == code), "{payload:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_socket_that_is_dropped_gets_an_empty_close() {
    let handler = |up: WebSocketUpgrade| async { upgrade(up, |socket| async { drop(socket) }) };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    assert_eq!(wire.next().await, Seen::EmptyClose);
}

#[tokio::test]
async fn a_panic_is_1011() {
    let handler = |up: WebSocketUpgrade| async {
        upgrade(up, |mut socket| async move {
            let _message = socket.recv().await;
            panic!("on purpose");
        })
    };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    wire.send(0x81, b"x").await;
    assert_eq!(wire.next().await, Seen::Close(1011, "internal error".into()));
}

#[tokio::test]
async fn a_handler_that_drops_on_the_peers_close_still_answers_it() {
    let handler = |up: WebSocketUpgrade| async {
        upgrade(up, |mut socket| async move {
            let _close = socket.recv().await;
        })
    };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    wire.send(0x88, b"\x03\xe8bye").await;
    assert_eq!(wire.next().await, Seen::Close(1000, "bye".into()));
    assert_eq!(wire.next().await, Seen::Eof);
}

#[tokio::test]
async fn an_illegal_close_of_the_handler_is_corrected() {
    let handler = |up: WebSocketUpgrade| async {
        upgrade(up, |mut socket| async move {
            let frame = axum::extract::ws::CloseFrame { code: 1006, reason: "x".repeat(200).into() };
            let _sent = socket.send(Message::Close(Some(frame))).await;
            while socket.recv().await.is_some_and(|message| message.is_ok()) {}
        })
    };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    assert_eq!(wire.next().await, Seen::Close(1011, "x".repeat(123)));
}

#[tokio::test]
async fn close_works_while_the_handler_waits_for_a_message() {
    let (sender, received) = mpsc::channel();
    let (app, handles) = watched(move |mut socket| {
        let sender = sender.clone();
        async move { sender.send(socket.recv().await.unwrap().unwrap()).unwrap() }
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
    wire.send(0x88, b"\x03\xf4").await;
    let ended = connection.closed().await;
    assert_eq!((ended.by, ended.frame), (EndedBy::Guard, Some(bye())));
    let Ok(Message::Close(Some(frame))) = received.recv() else { panic!("the handler sees a close frame") };
    assert_eq!((frame.code, frame.reason.as_str()), (1012, "back soon"));
}

#[tokio::test]
async fn close_works_while_the_handler_does_not_touch_its_socket() {
    let (app, handles) = watched(|socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    handles.recv().unwrap().close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
}

#[tokio::test]
async fn close_works_while_the_peer_is_mid_frame() {
    let (app, handles) = watched(echo);
    let mut wire = Wire::open(serve(app).await, "/").await;
    wire.write(&[0x81, 0xfe, 1, 0, 0, 0, 0, 0, 1, 2, 3]).await;
    handles.recv().unwrap().close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
}

#[tokio::test]
async fn a_handler_that_only_writes_ends_soon_and_nothing_lands_inside_its_frames() {
    let (ended, end) = tokio::sync::oneshot::channel();
    let ended = std::sync::Arc::new(std::sync::Mutex::new(Some(ended)));
    let (app, handles) = watched(move |mut socket| {
        let ended = ended.clone();
        async move {
            while socket.send(Message::Binary(vec![7; 100_000].into())).await.is_ok() {}
            let _waited_for = ended.lock().unwrap().take().unwrap().send(());
        }
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close_with(bye(), Grace::within(Duration::from_millis(200)));
    let (_, seen) = wire.until_the_end().await;
    assert_eq!(seen, Seen::Close(1012, "back soon".into()));
    tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_never_answers_is_dropped_at_the_deadline() {
    let (app, handles) = watched(echo);
    let closing = Closing::new().timeout(Duration::from_millis(300));
    let mut wire = Wire::open(serve(app.layer(GuardLayer::new().closing(closing))).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
    connection.closed().await;
    assert_eq!(wire.next().await, Seen::Eof);
}

#[tokio::test]
async fn a_peer_that_keeps_sending_is_cut_off_by_bytes() {
    let (app, handles) = watched(echo);
    let closing = Closing::new().timeout(Duration::from_mins(1)).max_bytes(100_000);
    let mut wire = Wire::open(serve(app.layer(GuardLayer::new().closing(closing))).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
    let mut frame = Vec::new();
    wire::put_frame(&mut frame, 0x82, &vec![0; 60_000]);
    wire.send_in_background([frame.clone(), frame.clone(), frame].concat());
    tokio::time::timeout(Duration::from_secs(20), connection.closed()).await.expect("cut off");
}
