//! Limits on the size of messages and the time that they take.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    routing::any,
};
use http::HeaderMap;
use interop::pipe::{Client, Seen, answer, closed, text};
use portcullis_liveness::MessageSizeLayer;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::{Instant, sleep};

use super::apps::{HOUR, SECOND, echo, open, spied};

fn limited() -> Router {
    echo().layer(MessageSizeLayer::new(1000).max_fragments(4))
}

#[tokio::test(start_paused = true)]
async fn a_message_at_the_limit_passes() {
    let mut pipe = open(&limited()).await;
    pipe.send_frame(0x82, &[7; 1000]).await.unwrap();
    assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
    pipe.send_frame(0x02, &[7; 400]).await.unwrap();
    pipe.send_frame(0x00, &[7; 300]).await.unwrap();
    pipe.send_frame(0x89, b"between").await.unwrap();
    pipe.send_frame(0x00, &[7; 300]).await.unwrap();
    pipe.send_frame(0x80, &[]).await.unwrap();
    assert_eq!(pipe.next().await, Some(Seen::Pong(b"between".into())));
    assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
    pipe.send_text("and the next").await.unwrap();
    assert_eq!(pipe.next().await, text("and the next"));
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_is_refused_at_the_header() {
    for header in [&[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0][..], &[0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let mut pipe = open(&limited()).await;
        pipe.send_text("before").await.unwrap();
        pipe.send_bytes(header).await.unwrap();
        assert_eq!(pipe.next().await, text("before"));
        assert_eq!(pipe.next().await, closed(1009, "message over 1000 bytes"));
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_are_added_up_in_one_read_or_in_many() {
    for pause in [Duration::ZERO, SECOND] {
        let mut pipe = open(&limited()).await;
        for (first, bytes) in [(0x02, 500), (0x00, 500), (0x00, 1)] {
            pipe.send_frame(first, &vec![0; bytes]).await.unwrap();
            sleep(pause).await;
        }
        assert_eq!(pipe.next().await, closed(1009, "message over 1000 bytes"));
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_are_counted_empty_or_not() {
    let mut pipe = open(&limited()).await;
    pipe.send_frame(0x01, b"").await.unwrap();
    for _ in 0..4 {
        pipe.send_frame(0x00, b"").await.unwrap();
    }
    assert_eq!(pipe.next().await, closed(1009, "message in more than 4 fragments"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_drips_is_closed_and_one_in_time_is_not() {
    let app = echo().layer(MessageSizeLayer::new(1000).timeout(10 * SECOND));
    let drip = async |pipe: &mut Client, bytes: usize, pause: Duration| {
        pipe.send_bytes(&[0x82, 0x80 | u8::try_from(bytes).unwrap(), 0, 0, 0, 0]).await.unwrap();
        for _ in 0..bytes {
            sleep(pause).await;
            if pipe.send_bytes(&[7]).await.is_err() {
                return;
            }
        }
    };
    let mut pipe = open(&app).await;
    for _ in 0..5 {
        drip(&mut pipe, 9, SECOND).await;
        assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 9])));
    }
    let began = Instant::now();
    drip(&mut pipe, 100, SECOND).await;
    assert_eq!(pipe.next().await, closed(1009, "message not finished within 10s"));
    assert!(began.elapsed() >= 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_finished_is_not_timed_any_more() {
    let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).timeout(10 * SECOND))).await;
    for message in ["one", "two"] {
        pipe.send_text(message).await.unwrap();
        assert_eq!(pipe.next().await, text(message));
        sleep(HOUR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_message_has_its_own_time_wherever_reads_end() {
    let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).timeout(10 * SECOND))).await;
    let head = [0x81, 0x84, 0, 0, 0, 0, b'h', b'a'];
    pipe.send_bytes(&head).await.unwrap();
    for _ in 0..10 {
        sleep(6 * SECOND).await;
        pipe.send_bytes(&[b"lf", &head[..]].concat()).await.unwrap();
        assert_eq!(pipe.next().await, text("half"));
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_that_drip_are_one_message() {
    let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).timeout(10 * SECOND))).await;
    pipe.send_text("before").await.unwrap();
    assert_eq!(pipe.next().await, text("before"));
    let began = Instant::now();
    pipe.send_frame(0x02, b"").await.unwrap();
    for _ in 0..9 {
        sleep(SECOND).await;
        pipe.send_frame(0x00, b"a").await.unwrap();
    }
    assert_eq!(pipe.next().await, closed(1009, "message not finished within 10s"));
    assert!(began.elapsed() >= 10 * SECOND && began.elapsed() < 12 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_a_busy_handler_reads_late_was_in_time() {
    let (release, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let route = any(async move |up: WebSocketUpgrade| {
        let wait = wait.lock().unwrap().take().unwrap();
        // A buffer so small that half of the message is left in the transport.
        up.read_buffer_size(512).on_upgrade(async move |mut socket: WebSocket| {
            let first = socket.recv().await.unwrap().unwrap();
            wait.await.unwrap();
            let second = socket.recv().await.unwrap().unwrap();
            for message in [first, second] {
                socket.send(message).await.unwrap();
            }
        })
    });
    let app = Router::new().route("/", route).layer(MessageSizeLayer::new(1000).timeout(10 * SECOND));
    let mut pipe = open(&app).await;
    let mut bytes = vec![0x81, 0x83, 0, 0, 0, 0, b'o', b'n', b'e', 0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0];
    bytes.extend([7; 1000]);
    pipe.send_bytes(&bytes).await.unwrap();
    sleep(HOUR).await;
    release.send(()).unwrap();
    assert_eq!(pipe.next().await, text("one"));
    assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
}

#[tokio::test]
async fn compression_is_not_offered_to_the_handler_unless_allowed() {
    let offered = any(async |headers: HeaderMap| format!("{:?}", headers.get("sec-websocket-extensions")));
    let app = Router::new().route("/", offered);
    for (layer, expected) in [
        (MessageSizeLayer::new(1000), "None"),
        (MessageSizeLayer::new(1000).allow_compression(), "Some(\"permessage-deflate\")"),
    ] {
        let app = app.clone().layer(layer);
        let offered = answer(&app, "/", "sec-websocket-extensions: permessage-deflate\r\n").await;
        assert_eq!(offered.body(), expected);
    }
}

/// A message in fragments of 500 bytes.
async fn fragments(pipe: &mut Client, count: usize) {
    for number in 1..=count {
        let opcode = if number == 1 { 0x02 } else { 0x00 };
        pipe.send_frame(if number == count { 0x80 | opcode } else { opcode }, &[7; 500]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_delayed_here_is_not_late() {
    let slow = MessageRateLayer::per_second(100)
        .continuation_quota(portcullis_rate_limit::Quota::with_period(SECOND / 100).unwrap())
        .on_excess(Excess::Delay);
    let app = spied().0.layer(MessageSizeLayer::new(1_000_000).timeout(10 * SECOND)).layer(slow);
    let mut pipe = open(&app).await;
    let began = Instant::now();
    fragments(&mut pipe, 2000).await;
    pipe.send_frame(0x89, b"done").await.unwrap();
    assert_eq!(pipe.next().await, Some(Seen::Pong(b"done".to_vec())));
    assert!(began.elapsed() > 15 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_read_slowly_here_is_not_late() {
    const LENGTH: usize = 250 * 508;
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let route = any(async move |mut request: axum::extract::Request| {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
            let (mut buf, mut read) = (vec![0; 5000], 0);
            while read < LENGTH {
                let more = tokio::io::AsyncReadExt::read(&mut io, &mut buf).await.unwrap();
                assert!(more > 0, "ended after {read} bytes");
                read += more;
                // What came is dealt with.
                sleep(SECOND).await;
            }
            sender.send(()).unwrap();
        });
        http::StatusCode::SWITCHING_PROTOCOLS
    });
    let app = Router::new().route("/", route).layer(MessageSizeLayer::new(200_000).timeout(10 * SECOND));
    let mut pipe = open(&app).await;
    let began = Instant::now();
    fragments(&mut pipe, 250).await;
    tokio::time::timeout(HOUR, received.recv()).await.expect("all of it");
    assert!(began.elapsed() > 15 * SECOND, "{:?}", began.elapsed());
}
