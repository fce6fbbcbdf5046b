//! Upgrades that fail or do not happen, and sockets that cannot be served, seen by a client that reads bytes.

use std::{sync::mpsc, time::Duration};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocketUpgrade},
    },
    middleware::map_request,
    routing::any,
};
use http::Method;
use interop::{
    handlers::{self, bye, echo, watched},
    socket::{Http, Socket},
    wire::{self, Seen, Wire, serve},
};
use portcullis_core::{Connection, EndedBy, GuardLayer, settings::Grace};
use portcullis_rate_limit::MessageRateLayer;

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
            let sender = sender.lock().expect("no panic").take();
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
fn a_socket_dropped_while_the_runtime_shuts_down_does_no_harm() {
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
    connection.close_with(bye(), Grace::within(Duration::from_millis(100)));
    let ended = connection.closed().await;
    assert!(ended.cut_short, "{ended:?}");
    let (messages, end) = wire.until_the_end().await;
    assert_eq!(messages, 0);
    assert!(matches!(end, Seen::Eof | Seen::Reset), "{end:?}");
}

#[tokio::test]
async fn settings_apply_wherever_their_layer_is_and_the_outermost_win() {
    let lax = || GuardLayer::new().framing_report_only();
    let app = || Router::new().route("/", any(async |up: WebSocketUpgrade| handlers::upgrade(up, echo)));
    let enforced = Seen::Close(1002, "client frame is not masked".into());
    for (app, seen) in [
        (app().layer(handlers::limited(9)), enforced.clone()),
        (app().layer(lax()).layer(handlers::limited(9)), Seen::EmptyClose),
        (app().layer(lax()).layer(GuardLayer::new()), enforced),
        (app().layer(GuardLayer::new()).layer(lax()).layer(handlers::limited(9)), Seen::EmptyClose),
    ] {
        let mut wire = Wire::open(serve(app).await, "/").await;
        // tungstenite reports what was let through as an error, for which the handler drops its socket.
        wire.write(b"\x89\x00").await;
        assert_eq!(wire.next().await, seen);
    }
}

#[tokio::test]
async fn a_connection_that_is_aborted_before_its_upgrade_ends_with_it() {
    let handler = any(async |connection: Connection, upgrade: WebSocketUpgrade| {
        connection.abort();
        upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
    });
    let app = Router::new().route("/", handler).layer(GuardLayer::new());
    let mut wire = Wire::open(serve(app).await, "/").await;
    assert_eq!(wire.next().await, Seen::Eof);
}

/// Some middleware turns the CONNECT of HTTP/2 into the GET that a handler for HTTP/1.1 expects.
#[tokio::test]
async fn a_method_that_is_changed_on_the_way_switches_no_policy_off() {
    let asks = |method: Method| {
        map_request(move |mut request: Request| {
            *request.method_mut() = method.clone();
            std::future::ready(request)
        })
    };
    let handler = |upgrade: WebSocketUpgrade| async { handlers::upgrade(upgrade, echo) };
    let app = Router::new()
        .route("/", any(handler))
        .layer(asks(Method::CONNECT))
        .layer(MessageRateLayer::per_second(1))
        .layer(asks(Method::GET))
        .layer(GuardLayer::new());
    let address = serve(app).await;
    let mut socket = Socket::open(address, "/", Http::Two).await;
    socket.echoes().await;
    socket.send(0x81, b"too much").await;
    assert_eq!(socket.rest().await[..4], *b"\x88\x17\x03\xf0", "1008");
}
