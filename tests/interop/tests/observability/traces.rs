//! Events and their spans, on a paused clock.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::{
        Request,
        ws::{WebSocket, WebSocketUpgrade},
    },
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use interop::{
    observed::{
        log::Log,
        routes,
        ways::{EVIL, last, ours, rate, with},
    },
    pipe::{ask, closed},
    streams::{Streams, WINDOW},
};
use portcullis_core::{
    Connection, GuardLayer,
    identity::{ClientIp, Subject},
    refusal::Refusal,
};
use portcullis_rate_limit::Excess;
use tokio::time::advance;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tracing::{Instrument, Level, info, info_span};

async fn says(_: WebSocket) -> Result<(), Infallible> {
    info!("the handler speaks");
    Ok(())
}

async fn located(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(ClientIp("192.0.2.1".parse().unwrap()));
    next.run(request).instrument(info_span!("request")).await
}

#[tokio::test(start_paused = true)]
async fn events_of_a_handler_are_in_its_connections_span() {
    let log = Log::new();
    let handler = any(async |upgrade: WebSocketUpgrade, connection: Connection| -> Response {
        info!("before the upgrade");
        connection.authenticate(&Subject::of_issuer("https://id.example", "alice")).unwrap();
        upgrade.on_upgrade(connection.supervise(says))
    });
    let app = Router::new().route("/", handler).layer(GuardLayer::new()).layer(from_fn(located));
    assert_eq!(last(app, &[]).await, closed(1000, ""));
    for (message, subject, issuer) in
        [("before the upgrade", "", ""), ("the handler speaks", "alice", "https://id.example")]
    {
        let line = log.line(message);
        assert_eq!(line.within(), ["request", "websocket"], "{message}");
        let fields = ["client", "subject", "issuer"].map(|field| line.connection(field));
        assert_eq!(fields, ["192.0.2.1", subject, issuer], "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_inside_of_the_connections_stays() {
    let log = Log::new();
    let handler = any(async |upgrade: WebSocketUpgrade, connection: Connection| -> Response {
        let room = info_span!("room");
        room.in_scope(|| upgrade.on_upgrade(connection.supervise(says)))
    });
    assert_eq!(last(Router::new().route("/", handler), &[]).await, closed(1000, ""));
    assert_eq!(log.line("the handler speaks").within(), ["room", "websocket"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_supervised_elsewhere_is_in_its_connections_span() {
    let log = Log::new();
    let handler = any(async |upgrade: WebSocketUpgrade, connection: Connection| -> Response {
        tokio::spawn(async move { upgrade.on_upgrade(connection.supervise(says)) }).await.unwrap()
    });
    assert_eq!(last(Router::new().route("/", handler), &[]).await, closed(1000, ""));
    assert_eq!(log.line("the handler speaks").within(), ["websocket"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_a_violation_and_a_close_are_a_line_each() {
    let log = Log::new();
    let app = routes().layer(rate(Excess::Close)).layer(ours());
    with(app.clone(), async |app| drop(ask(app, "/", EVIL).await)).await;
    let refused = log.line("a WebSocket handshake was refused");
    let fields = ["kind", "status", "report_only", "suppressed"].map(|name| refused.fields.get(name));
    assert_eq!((refused.level, fields), (Level::INFO, ["origin_not_allowed", "403", "false", "0"]));
    assert!(refused.fields.get("sentence").contains("https://evil.example"), "{refused:?}");
    assert_eq!(last(app, &["1", "2", "3"]).await, closed(1008, "message rate exceeded"));
    let violated = log.line("a WebSocket violated a policy");
    let fields = ["policy", "action", "times"].map(|name| violated.fields.get(name));
    assert_eq!((violated.level, fields), (Level::INFO, ["message_rate", "close", "1"]));
    let close = log.line("a WebSocket closed");
    let fields = ["code", "by", "reason", "cut_short"].map(|name| close.fields.get(name));
    assert_eq!((close.level, fields), (Level::DEBUG, ["1008", "guard", "\"message rate exceeded\"", "false"]));
    assert!(!close.fields.get("duration").is_empty());
    assert_eq!(violated.connection("id"), close.connection("id"));
}

async fn receive_all(mut socket: WebSocket) -> Result<(), Infallible> {
    while let Some(Ok(_)) = socket.recv().await {}
    says(socket).await
}

#[tokio::test(start_paused = true)]
async fn over_http_2_the_lines_and_their_span_are_the_same() {
    let log = Log::new();
    let handler = any(async |upgrade: WebSocketUpgrade, connection: Connection| -> Response {
        connection.authenticate(&Subject::new("alice")).unwrap();
        upgrade.on_upgrade(connection.supervise(receive_all))
    });
    let app = Router::new().route("/", handler).layer(rate(Excess::Close)).layer(from_fn(located));
    with(app, async |app| {
        let mut streams = Streams::connect(app.clone(), WINDOW).await;
        let mut stream = streams.open().await;
        for _ in 0..3 {
            stream.send(0x81, b"now").await;
        }
        assert!(stream.rest().await.unwrap().ends_with(b"message rate exceeded"));
    })
    .await;
    let handler = log.line("the handler speaks");
    assert_eq!(handler.within(), ["request", "websocket"]);
    let violated = log.line("a WebSocket violated a policy");
    assert_eq!(["policy", "action"].map(|name| violated.fields.get(name)), ["message_rate", "close"]);
    let close = log.line("a WebSocket closed");
    assert_eq!(["code", "by"].map(|name| close.fields.get(name)), ["1008", "guard"]);
    for line in [&handler, &violated, &close] {
        let fields = ["client", "subject", "id"].map(|field| line.connection(field));
        assert_eq!(fields, ["192.0.2.1", "alice", handler.connection("id")], "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_refusals_is_a_few_lines_and_their_number_adds_up() {
    const FLOOD: u64 = 10_000;
    let log = Log::new();
    let service = ours().layer(service_fn(async |_: Request| Ok::<_, Infallible>(Response::<String>::default())));
    // A kind of its own: tests of one process share the lines of a kind.
    let request = || {
        let request = Request::get("/").header("upgrade", "websocket").header("origin", "null");
        request.body(axum::body::Body::empty()).unwrap()
    };
    for _ in 0..FLOOD {
        assert_eq!(service.clone().oneshot(request()).await.unwrap().status(), 403);
        advance(Duration::from_millis(12)).await;
    }
    advance(Duration::from_secs(61)).await;
    service.oneshot(request()).await.unwrap();
    let lines = log.lines("a WebSocket handshake was refused");
    let suppressed: u64 = lines.iter().map(|line| line.fields.number("suppressed")).sum();
    // Two minutes, and one line behind them.
    assert_eq!(lines.len(), 21);
    assert_eq!(lines.len() as u64 + suppressed, FLOOD + 1);
}

#[tokio::test(start_paused = true)]
async fn wiring_errors_are_logged_at_most_ten_times_a_minute() {
    let log = Log::new();
    for _ in 0..1000 {
        Refusal::misconfigured("as a test has it").into_response::<()>();
    }
    let lines = log.lines("as a test has it");
    assert_eq!((lines.len(), lines[0].level), (10, Level::ERROR));
    assert!(log.lines("a WebSocket handshake was refused").is_empty());
}
