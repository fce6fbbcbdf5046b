//! A connection that must send a first message before its handler gets it, seen by a client that reads bytes.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, ws::WebSocketUpgrade},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::any,
};
use interop::wire::{Seen, Wire, put_frame, serve};
use portcullis_core::{CloseCode, CloseFrame, Connection, EndedBy, gate::Gate, upgrade};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const TEXT: u8 = 0x81;

/// The events on the server's side.
#[derive(Debug, PartialEq)]
enum Event {
    Arrived(Handle),
    Handled(Vec<String>),
    Failed,
}

/// A handle, in an event that can be compared.
#[derive(Debug)]
struct Handle(Connection);

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

fn open_sesame() -> Gate {
    Gate::new(async |message| {
        let refused = CloseFrame::new(CloseCode::UNAUTHORIZED, "wrong word");
        if message.is_text() && message.payload() == b"sesame" { Ok(Some("open".into())) } else { Err(refused) }
    })
}

/// A server whose handler collects what it reads up to the end, behind a gate.
async fn gated(gate: fn() -> Gate) -> (std::net::SocketAddr, UnboundedReceiver<Event>) {
    let (events, received) = unbounded_channel();
    let handler = {
        let events = events.clone();
        any(move |upgrade: WebSocketUpgrade, request: Request| async move {
            assert!(!request.headers().contains_key("sec-websocket-extensions"));
            accept(upgrade, events)
        })
    };
    let layer = from_fn(move |request, next| enter(request, next, gate(), events.clone()));
    (serve(Router::new().route("/ws", handler).layer(layer)).await, received)
}

async fn enter(request: Request, next: Next, gate: Gate, events: UnboundedSender<Event>) -> Response {
    let (mut parts, body) = request.into_parts();
    let guarded = upgrade::intercept(&mut parts).unwrap().unwrap();
    guarded.gate(&mut parts, gate).unwrap();
    events.send(Event::Arrived(Handle(guarded.connection().clone()))).unwrap();
    let response = next.run(Request::from_parts(parts, body)).await.into_response();
    guarded.complete(&response, None);
    response
}

fn accept(upgrade: WebSocketUpgrade, events: UnboundedSender<Event>) -> Response {
    let failed = events.clone();
    let upgrade = upgrade.on_failed_upgrade(move |_| failed.send(Event::Failed).unwrap());
    upgrade.on_upgrade(async move |mut socket| {
        let mut texts = Vec::new();
        while let Some(Ok(message)) = socket.recv().await {
            if let Ok(text) = message.into_text() {
                texts.push(text.to_string());
            }
        }
        events.send(Event::Handled(texts)).unwrap();
    })
}

async fn arrived(events: &mut UnboundedReceiver<Event>) -> Connection {
    match events.recv().await {
        Some(Event::Arrived(connection)) => connection.0,
        other => panic!("{other:?}"),
    }
}

fn text(payload: &str) -> Seen {
    Seen::Frame(TEXT, payload.into())
}

#[tokio::test]
async fn the_first_message_opens_and_what_follows_reaches_the_handler() {
    let (address, mut events) = gated(open_sesame).await;
    let mut bytes = Vec::new();
    for (first, payload) in [(0x89, "there?"), (0x01, "ses"), (0x80, "ame"), (TEXT, "one"), (TEXT, "two")] {
        put_frame(&mut bytes, first, payload.as_bytes());
    }
    let mut wire = Wire::open_with(address, "/ws", &bytes).await;
    let connection = arrived(&mut events).await;
    assert_eq!(wire.next().await, Seen::Frame(0x8a, b"there?".to_vec()));
    assert_eq!(wire.next().await, text("open"));
    wire.send(0x88, &1000_u16.to_be_bytes()).await;
    assert_eq!(wire.next().await, Seen::Close(1000, String::new()));
    assert_eq!(events.recv().await, Some(Event::Handled(vec!["one".into(), "two".into(), String::new()])));
    assert_eq!(connection.closed().await.by, EndedBy::Peer);
}

#[tokio::test]
async fn a_forwarded_message_is_the_first_that_the_handler_gets() {
    let (address, mut events) = gated(|| open_sesame().forward()).await;
    let mut bytes = Vec::new();
    for (first, payload) in [(0x01, "ses"), (0x80, "ame"), (TEXT, "one")] {
        put_frame(&mut bytes, first, payload.as_bytes());
    }
    let mut wire = Wire::open_with(address, "/ws", &bytes).await;
    assert_eq!(arrived(&mut events).await.subject(), None);
    assert_eq!(wire.next().await, text("open"));
    wire.send(0x88, b"").await;
    assert_eq!(wire.next().await, Seen::EmptyClose);
    assert_eq!(events.recv().await, Some(Event::Handled(vec!["sesame".into(), "one".into(), String::new()])));
}

#[tokio::test]
async fn a_refused_socket_is_closed_and_never_reaches_the_handler() {
    let (address, mut events) = gated(open_sesame).await;
    for (first, payload, seen) in [
        (TEXT, "abracadabra", Seen::Close(3000, "wrong word".into())),
        (0x82, "sesame", Seen::Close(3000, "wrong word".into())),
        (TEXT, &*"a".repeat(9000), Seen::Close(1009, "first message too big".into())),
        (0x83, "", Seen::Close(1002, "reserved opcode".into())),
        (0x88, "\x03\u{0}", Seen::Close(1002, "close code that may not be sent".into())),
        (0x88, "", Seen::EmptyClose),
    ] {
        let mut wire = Wire::open(address, "/ws").await;
        let connection = arrived(&mut events).await;
        wire.send(first, payload.as_bytes()).await;
        assert_eq!(wire.next().await, seen);
        assert_eq!(events.recv().await, Some(Event::Failed));
        wire.send(0x88, b"").await;
        let by = if first == 0x88 { EndedBy::Peer } else { EndedBy::Guard };
        assert_eq!(connection.closed().await.by, by);
        assert_eq!(wire.next().await, Seen::Eof);
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_in_time() {
    let hasty = || open_sesame().timeout(Duration::from_millis(50));
    let (address, mut events) = gated(hasty).await;
    let mut wire = Wire::open(address, "/ws").await;
    arrived(&mut events).await;
    assert_eq!(wire.next().await, Seen::Close(3008, "no first message in time".into()));
    assert_eq!(events.recv().await, Some(Event::Failed));
}

#[tokio::test]
async fn a_judge_that_never_answers_is_late_too() {
    let (address, mut events) =
        gated(|| Gate::new(|_| std::future::pending()).timeout(Duration::from_millis(50))).await;
    let mut wire = Wire::open(address, "/ws").await;
    wire.send(TEXT, b"sesame").await;
    arrived(&mut events).await;
    assert_eq!(wire.next().await, Seen::Close(3008, "no first message in time".into()));
}

#[tokio::test]
async fn a_connection_that_waits_can_be_closed() {
    let (address, mut events) = gated(open_sesame).await;
    let mut wire = Wire::open(address, "/ws").await;
    wire.send(0x01, b"half of a mess").await;
    arrived(&mut events).await.close(CloseFrame::new(CloseCode::SERVICE_RESTART, "deploy"));
    assert_eq!(wire.next().await, Seen::Close(1012, "deploy".into()));
    assert_eq!(events.recv().await, Some(Event::Failed));
}

#[tokio::test]
async fn a_client_that_leaves_leaves_nothing_behind() {
    let (address, mut events) = gated(open_sesame).await;
    let wire = Wire::open(address, "/ws").await;
    let connection = arrived(&mut events).await;
    drop(wire);
    assert_eq!(events.recv().await, Some(Event::Failed));
    assert_eq!(connection.closed().await.by, EndedBy::Transport);
}

#[tokio::test]
async fn a_connection_that_waits_can_be_aborted() {
    let (address, mut events) = gated(open_sesame).await;
    let mut wire = Wire::open(address, "/ws").await;
    let connection = arrived(&mut events).await;
    connection.abort();
    assert_eq!(wire.next().await, Seen::Eof);
    assert_eq!(events.recv().await, Some(Event::Failed));
    let ended = connection.closed().await;
    assert_eq!((ended.by, ended.frame, ended.cut_short), (EndedBy::Guard, None, true));
}
