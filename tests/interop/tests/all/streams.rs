//! WebSockets that share an HTTP/2 connection: what one of them does to its siblings.

use std::time::Duration;

use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
use interop::{
    handlers,
    streams::{Stream, Streams, WINDOW},
    wire::put_frame,
};
use portcullis_core::Connections;
use portcullis_liveness::KeepAliveLayer;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

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

/// Messages of so many bytes in all, each of another text.
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
async fn what_was_held_back_is_delivered_as_it_came() {
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
        timeout(SECOND, registry.emptied()).await.expect("its end is read");
    }
}
