//! The guarded connection under axum over HTTP/1.1, seen by a client that reads bytes.

mod wire;

use std::{sync::mpsc, time::Duration};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use portcullis_core::{
    CloseCode, CloseFrame, Connection, EndedBy, GuardLayer, PolicyLayer,
    frame::FrameHeader,
    policy::{Policy, Verdict},
};
use wire::{Seen, Wire, serve};

/// Admits so many messages, then closes.
struct Limit(u32);

impl Policy for Limit {
    fn on_frame(&mut self, frame: &FrameHeader, _: std::time::Instant) -> Verdict {
        if !frame.starts_message() {
            return Verdict::Pass;
        }
        if self.0 == 0 {
            return Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "enough"));
        }
        self.0 -= 1;
        Verdict::Pass
    }
}

fn limited(limit: u32) -> PolicyLayer<impl Fn(&http::request::Parts, &Connection) -> Limit> {
    PolicyLayer::new(move |_: &http::request::Parts, _: &Connection| Limit(limit))
}

fn upgrade<F, R>(upgrade: WebSocketUpgrade, handler: F) -> Response
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    upgrade.read_buffer_size(16 * 1024).on_upgrade(handler)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

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
async fn split(socket: WebSocket) {
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

async fn flood(app: Router) {
    let mut wire = Wire::open(serve(app).await, "/").await;
    let mut bytes = Vec::new();
    for _ in 0..5000 {
        wire::put_frame(&mut bytes, 0x82, &[7; 1024]);
    }
    // The server stops reading, so this ends when it drains.
    wire.send_in_background(bytes);
    let (messages, end) = wire.until_the_end().await;
    assert_eq!((messages, end), (100, Seen::Close(1008, "enough".into())));
}

macro_rules! flood_tests {
    ($($name:ident $handler:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let handler = |up: WebSocketUpgrade| async { upgrade(up, $handler) };
            let app = Router::new().route("/", any(handler)).layer(limited(100));
            for _ in 0..50 {
                flood(app.clone()).await;
            }
        }
    )*};
}

flood_tests! {
    answers_before_a_close_arrive_from_a_handler_that_answers_each echo
    answers_before_a_close_arrive_from_a_handler_that_batches batch
    answers_before_a_close_arrive_from_a_handler_that_is_split split
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
async fn an_illegal_close_of_the_handler_is_mended() {
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

type Handles = mpsc::Receiver<Connection>;

/// An app whose connections' handles come out of a channel.
fn watched<F, R>(handler: F) -> (Router, Handles)
where
    F: Fn(WebSocket) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let route = any(move |up: WebSocketUpgrade, connection: Connection| {
        sender.send(connection).expect("the test holds the receiver");
        let handler = handler.clone();
        async move { upgrade(up, handler) }
    });
    (Router::new().route("/", route).layer(GuardLayer::new()), receiver)
}

fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::SERVICE_RESTART, "back soon")
}

#[tokio::test]
async fn close_works_while_the_handler_waits_for_a_message() {
    let (told, tell) = mpsc::channel();
    let (app, handles) = watched(move |mut socket| {
        let told = told.clone();
        async move { told.send(socket.recv().await.unwrap().unwrap()).unwrap() }
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
    wire.send(0x88, b"\x03\xf4").await;
    let ended = connection.closed().await;
    assert_eq!((ended.by, ended.frame), (EndedBy::Guard, Some(bye())));
    let Ok(Message::Close(Some(frame))) = tell.recv() else { panic!("the handler sees a close frame") };
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
    connection.close_within(bye(), Duration::from_millis(200));
    let (_, seen) = wire.until_the_end().await;
    assert_eq!(seen, Seen::Close(1012, "back soon".into()));
    tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_never_answers_is_dropped_at_the_deadline() {
    let (app, handles) = watched(echo);
    let closing = portcullis_core::upgrade::Closing { time: Duration::from_millis(300), ..Default::default() };
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
    let closing =
        portcullis_core::upgrade::Closing { time: Duration::from_mins(1), bytes: 100_000, ..Default::default() };
    let mut wire = Wire::open(serve(app.layer(GuardLayer::new().closing(closing))).await, "/").await;
    let connection = handles.recv().unwrap();
    connection.close(bye());
    assert_eq!(wire.next().await, Seen::Close(1012, "back soon".into()));
    let mut frame = Vec::new();
    wire::put_frame(&mut frame, 0x82, &vec![0; 60_000]);
    wire.send_in_background([frame.clone(), frame.clone(), frame].concat());
    tokio::time::timeout(Duration::from_secs(20), connection.closed()).await.expect("cut off");
}

#[tokio::test]
async fn other_upgrades_are_answered_as_without_a_guard() {
    let app = Router::new()
        .route(
            "/",
            any(|request: axum::extract::Request| async move {
                request.extensions().get::<hyper::upgrade::OnUpgrade>().is_some().to_string()
            }),
        )
        .layer(GuardLayer::new());
    let answer = wire::plain(
        serve(app).await,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("false"), "{answer}");
}

#[tokio::test]
async fn a_response_that_is_no_upgrade_leaves_nothing_behind() {
    let (sender, handles) = mpsc::channel();
    let route = any(move |_: WebSocketUpgrade, connection: Connection| {
        sender.send(connection).expect("the test holds the receiver");
        async { http::StatusCode::IM_A_TEAPOT }
    });
    let app = Router::new().route("/", route).layer(GuardLayer::new());
    let address = serve(app).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let answer = wire::plain(address, &wire::handshake("/").replace("Upgrade\r\n", "Upgrade, close\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    let ended = handles.recv().unwrap().closed().await;
    assert_eq!(ended.by, EndedBy::Transport);
    assert!(tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before + 1);
}

#[tokio::test]
async fn a_failed_upgrade_reaches_the_handlers_callback() {
    let (sender, failed) = tokio::sync::oneshot::channel();
    let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
    let handler = move |up: WebSocketUpgrade| {
        let sender = sender.clone();
        let callback = move |error: axum::Error| {
            let sender = sender.lock().expect("nobody panics").take();
            sender.expect("called once").send(error.to_string()).expect("the test waits");
        };
        async move { up.on_failed_upgrade(callback).on_upgrade(echo) }
    };
    let app = Router::new().route("/", any(handler)).layer(GuardLayer::new());
    // What hyper hands out for a request that it will not upgrade: it fails when it is awaited.
    let never = hyper::upgrade::on(http::Request::new(()));
    let request = http::Request::get("/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .extension(never)
        .body(axum::body::Body::empty())
        .expect("a request");
    let response = tower::ServiceExt::oneshot(app, request).await.expect("infallible");
    assert_eq!(response.status(), 101);
    tokio::time::timeout(Duration::from_secs(10), failed)
        .await
        .expect("the callback is called")
        .expect("with an error");
}

#[tokio::test]
async fn a_socket_dropped_on_a_thread_without_a_runtime_is_closed() {
    let (app, _handles) = watched(|socket| async move {
        std::thread::spawn(move || drop(socket)).join().expect("no panic");
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    assert_eq!(wire.next().await, Seen::EmptyClose);
}

#[test]
fn a_socket_dropped_while_the_runtime_shuts_down_harms_nobody() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (sender, sockets) = mpsc::channel();
    let wire = runtime.block_on(async {
        let (app, _handles) = watched(move |socket| {
            let sender = sender.clone();
            async move { sender.send(socket).expect("the test holds the receiver") }
        });
        Wire::open(serve(app).await, "/").await
    });
    let socket = sockets.recv_timeout(Duration::from_secs(10)).expect("the handler ran");
    runtime.shutdown_background();
    drop(socket);
    drop(wire);
}

#[tokio::test]
async fn a_handler_stalled_inside_a_frame_ends_without_a_close_frame() {
    let (app, handles) = watched(|mut socket| async move {
        // More than any socket's buffers hold: the peer does not read.
        let _stalled = socket.send(Message::Binary(vec![7; 64 << 20].into())).await;
    });
    let mut wire = Wire::open(serve(app).await, "/").await;
    let connection = handles.recv().expect("a handler");
    wire.has_input().await;
    connection.close_within(bye(), Duration::from_millis(100));
    let ended = connection.closed().await;
    assert!(ended.cut_short, "{ended:?}");
    let (messages, end) = wire.until_the_end().await;
    assert_eq!(messages, 0);
    assert!(matches!(end, Seen::Eof | Seen::Reset), "{end:?}");
}
