//! WebSockets that share an HTTP/2 connection: what one of them does to its siblings, and what it leaves behind.

use std::time::Duration;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    http::StatusCode,
    routing::any,
};
use interop::{
    handlers,
    streams::{Stream, Streams, WINDOW},
    wire::put_frame,
};
use portcullis_close::CloseLayer;
use portcullis_connections::{ConnectionLimitLayer, Limit};
use portcullis_core::{Connections, GuardLayer};
use portcullis_jwt::{JwtLayer, TokenMessage, Verifier};
use portcullis_liveness::{KeepAliveLayer, WriteTimeoutLayer};
use portcullis_rate_limit::{Excess, MessageRateLayer};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// What is held back of a delayed stream.
const HELD_BACK: usize = 16 * 1024;

/// An app that echoes one message at once, and one in twenty seconds.
fn delaying() -> Router {
    let quota = portcullis_rate_limit::Quota::with_period(20 * SECOND).unwrap();
    let handler = |upgrade: WebSocketUpgrade| async { handlers::upgrade(upgrade, handlers::echo) };
    Router::new().route("/", any(handler)).layer(MessageRateLayer::new(quota).on_excess(Excess::Delay))
}

/// A stream that waits for its second message to be delivered.
async fn delayed(streams: &mut Streams) -> Stream {
    let mut stream = streams.open().await;
    stream.echoes().await;
    stream.send(0x81, b"wait").await;
    stream
}

/// Messages with a total size, each with a different text.
fn messages(bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut echoed) = (Vec::new(), Vec::new());
    for at in 0.. {
        let payload = vec![b'a' + u8::try_from(at % 26).unwrap(); (bytes - sent.len()).min(4006) - 8];
        put_frame(&mut sent, 0x81, &payload);
        portcullis_core::frame::put_frame(&mut echoed, 0x81, &payload, None);
        if sent.len() == bytes {
            break;
        }
    }
    (sent, echoed)
}

#[tokio::test(start_paused = true)]
async fn siblings_of_delayed_streams_are_answered() {
    let mut streams = Streams::connect(delaying(), WINDOW).await;
    let mut held = Vec::new();
    // More than all streams may send before it is read.
    for _ in 0..5 {
        let mut stream = delayed(&mut streams).await;
        stream.write(&messages(HELD_BACK - 200).0).await;
        held.push(stream);
    }
    streams.open().await.echoes().await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_stream_that_fills_the_window_is_closed_and_its_siblings_are_answered() {
    let mut streams = Streams::connect(delaying(), WINDOW).await;
    let (mut greedy, mut patient) = (delayed(&mut streams).await, delayed(&mut streams).await);
    let flood = messages(WINDOW as usize).0;
    timeout(SECOND, greedy.write(&flood)).await.expect("what is sent to a closing stream is thrown away");
    streams.open().await.echoes().await;
    assert_eq!(greedy.rest().await.unwrap(), b"\x88\x1d\x03\xf0too much sent while delayed");
    assert_eq!(patient.read(6).await, b"\x81\x04wait", "the other one is delayed still");
}

#[tokio::test(start_paused = true)]
async fn held_back_frames_are_delivered_unchanged() {
    let mut streams = Streams::connect(delaying(), WINDOW).await;
    let mut stream = delayed(&mut streams).await;
    let mut waits = Vec::new();
    put_frame(&mut waits, 0x81, b"wait");
    let (sent, echoed) = messages(HELD_BACK - waits.len());
    // In pieces of any size.
    for piece in sent.chunks(997) {
        stream.write(piece).await;
    }
    let began = Instant::now();
    assert_eq!(stream.read(6).await, b"\x81\x04wait");
    assert_eq!(stream.read(echoed.len()).await, echoed);
    assert!(began.elapsed() > 4 * 20 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_stream_of_a_connection_that_is_gone_frees_what_it_held() {
    for keepalive in [false, true] {
        let registry = Connections::new();
        let app = if keepalive { delaying().layer(KeepAliveLayer::new()) } else { delaying() };
        let mut streams = Streams::connect(app.layer(registry.layer()), WINDOW).await;
        let mut stream = delayed(&mut streams).await;
        stream.write(&messages(HELD_BACK - 200).0).await;
        streams.vanish();
        timeout(SECOND, registry.wait_until_empty()).await.expect("its end is read");
    }
}

/// A handler that sends endlessly, and reports when it has ended.
fn feed() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (done, handlers) = mpsc::unbounded_channel();
    let route = any(async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut socket: WebSocket| {
            // What is written after the end is swallowed for a while, which never passes on a busy paused clock.
            while socket.send(Message::binary(vec![7; 100_000])).await.is_ok() {
                sleep(MILLI).await;
            }
            done.send(()).unwrap();
        })
    });
    (Router::new().route("/", route), handlers)
}

/// All that hyper and h2 keep of a stream: three pieces, and a fourth in part.
const KEPT: u64 = 4 * 16 * 1024;

/// What of a stream is left over ends in one of these ways.
#[derive(Debug, Clone, Copy)]
enum Over {
    Read,
    Reset,
    Vanished,
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_is_shut_counts_until_it_is_over() {
    for aborted in [false, true] {
        for over in [Over::Read, Over::Reset, Over::Vanished] {
            let (app, mut handlers) = feed();
            let (limit, registry) = (ConnectionLimitLayer::new().global(1), Connections::new());
            let app = app.layer(WriteTimeoutLayer::new(10 * SECOND)).layer(limit.clone()).layer(registry.layer());
            let mut streams = Streams::connect(app, 1000).await;
            let mut stream = streams.open().await;
            sleep(SECOND).await;
            let connection = registry.all().remove(0);
            let sent = connection.counters().bytes_out;
            assert!(sent <= KEPT, "{sent}");
            if aborted {
                connection.abort();
            }
            handlers.recv().await.unwrap();
            sleep(HOUR).await;
            assert_eq!((limit.live(), registry.count()), (1, 1), "{over:?}");
            assert_eq!(streams.try_open().await.err(), Some(503), "{over:?}");
            match over {
                // In the middle of a frame there is no place for a close.
                Over::Read => assert_eq!(stream.rest().await.unwrap().len() as u64, sent),
                Over::Reset => drop(stream),
                Over::Vanished => streams.vanish(),
            }
            timeout(SECOND, connection.closed()).await.expect("it is over");
            assert_eq!((limit.live(), registry.count()), (0, 0), "{over:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_replaced_streams_open_does_not_fill_the_server() {
    let (app, _handlers) = feed();
    let limit = ConnectionLimitLayer::new().global(500).per_key(Limit::new(2).evict_oldest(), |_| Some("alice"));
    let app = app.layer(WriteTimeoutLayer::new(10 * SECOND)).layer(limit.clone());
    let mut streams = Streams::connect(app, 1).await;
    let mut opened = Vec::new();
    let refused = loop {
        match streams.try_open().await {
            Ok(stream) => opened.push(stream),
            Err(status) => break status,
        }
        // Until it is replaced, and those before it are closed.
        sleep(30 * SECOND).await;
    };
    assert_eq!(refused, 429, "and not 503, which all others would get, too");
    assert_eq!(limit.live(), 2 + 32 + 32, "that live, are closing and are aborted");
    opened.truncate(60);
    sleep(SECOND).await;
    let _again = streams.open().await;
}

/// Feeds a client that asks for it, and answers one message of any other.
fn feed_or_echo() -> Router {
    let route = any(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket: WebSocket| match socket.recv().await {
            Some(Ok(Message::Text(wish))) if wish == "feed" => {
                while socket.send(Message::binary(vec![7; 100_000])).await.is_ok() {
                    sleep(MILLI).await;
                }
            }
            Some(Ok(message)) => drop(socket.send(message).await),
            _ => {}
        })
    });
    Router::new().route("/", route)
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_a_stream_that_is_not_over_does_not_hold_up_its_siblings() {
    let registry = Connections::new();
    let mut streams = Streams::connect(feed_or_echo().layer(registry.layer()), 1000).await;
    let mut left = streams.open().await;
    left.send(0x81, b"feed").await;
    sleep(SECOND).await;
    registry.all().remove(0).abort();
    sleep(SECOND).await;
    assert_eq!(registry.count(), 1, "its window is shut");
    for piece in messages(2 * WINDOW as usize).0.chunks(4000) {
        timeout(SECOND, left.write(piece)).await.expect("what is sent to it is thrown away");
    }
    streams.open().await.echoes().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_connection_takes_nothing_counts_until_that_is_gone() {
    let (app, mut handlers) = feed();
    let limit = ConnectionLimitLayer::new().global(1);
    let app = app.layer(WriteTimeoutLayer::new(10 * SECOND)).layer(limit.clone());
    // Its windows are open.
    let mut streams = Streams::connect(app, 1 << 24).await;
    let stream = streams.open().await;
    streams.jam();
    handlers.recv().await.unwrap();
    sleep(HOUR).await;
    assert_eq!(limit.live(), 1);
    streams.vanish();
    sleep(SECOND).await;
    assert_eq!(limit.live(), 0);
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_turned_away_with_a_shut_window_counts_until_it_is_over() {
    for aborted in [false, true] {
        let limit = ConnectionLimitLayer::new().global(1);
        let (registry, verifier) = (Connections::new(), Verifier::hs256([7; 32]).any_issuer().any_audience());
        let jwt =
            JwtLayer::<Value>::new(verifier.build().unwrap()).first_message(TokenMessage::raw()).handshakes_only();
        let (app, _handles) = handlers::watched(handlers::echo);
        let mut streams = Streams::connect(app.layer(jwt).layer(limit.clone()).layer(registry.layer()), 1).await;
        let mut stream = streams.open().await;
        // Answers for which there is no room.
        for _ in 0..8 {
            stream.send(0x89, b"ping").await;
        }
        sleep(SECOND).await;
        let connection = registry.all().remove(0);
        if aborted {
            connection.abort();
        }
        sleep(HOUR).await;
        assert_eq!(limit.live(), 1, "{aborted}");
        drop(stream);
        timeout(SECOND, connection.closed()).await.expect("it is over");
        assert_eq!(limit.live(), 0, "{aborted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_with_a_shut_window_does_not_keep_others_from_getting_a_reason() {
    let refusing = Router::new().route("/", any(async || StatusCode::FORBIDDEN));
    let mut streams = Streams::connect(refusing.layer(CloseLayer::always().max_concurrent(1)), 1).await;
    let silent = streams.open().await;
    assert_eq!(streams.try_open().await.err(), Some(403), "its closing handshake is under way");
    sleep(10 * SECOND).await;
    let mut other = streams.try_open().await.expect("that is over");
    assert_eq!(&other.rest().await.unwrap()[..4], b"\x88\x0b\x0b\xbb");
    drop(silent);
}

/// As documented: there is no way to know what a live connection has taken.
#[tokio::test(start_paused = true)]
async fn what_h2_has_room_for_counts_as_sent() {
    let (app, handles) = handlers::watched(async |mut socket| {
        let _sent = socket.send(Message::binary(vec![7; 100_000])).await;
    });
    let mut streams = Streams::connect(app, 1 << 24).await;
    let stream = streams.open().await;
    streams.jam();
    let connection = tokio::task::spawn_blocking(move || handles.recv().unwrap()).await.unwrap();
    timeout(7 * SECOND, connection.closed()).await.expect("a closing handshake");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_all_taken_does_not_count_for_longer_than_its_closing_handshake() {
    let (app, handles) = handlers::watched(handlers::echo);
    let limit = ConnectionLimitLayer::new().global(1);
    let mut streams = Streams::connect(app.layer(limit.clone()).layer(GuardLayer::new()), WINDOW).await;
    let mut stream = streams.open().await;
    let connection = handles.recv().unwrap();
    connection.close(handlers::bye());
    // It neither answers nor ends its side.
    timeout(7 * SECOND, connection.closed()).await.expect("a grace, and five seconds");
    assert_eq!(limit.live(), 0);
    assert_eq!(stream.rest().await.unwrap(), b"\x88\x0b\x03\xf4back soon");
}
