//! How to test a policy: by itself, on a paused clock, and over a real socket.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use policy::{Trial, app};
use portcullis::{
    frame::{FrameHeader, put_frame},
    policy::{Policy, Verdict},
    testing::Handshake,
};
use visitor::{Client, Table, serve};

const MINUTE: Duration = Duration::from_mins(1);

/// A decision needs no connection: the header is parsed from bytes.
#[test]
fn bytes_are_counted_by_the_headers_of_data_frames() {
    let mut trial = Trial { time: MINUTE, bytes: 10 };
    for (first, payload, left) in [(0x89, 5, Some(10)), (0x82, 6, Some(4)), (0x80, 4, Some(0)), (0x81, 1, None)] {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, &vec![0; payload], Some([0; 4]));
        let verdict = trial.on_frame(&FrameHeader::parse(&frame).unwrap(), Instant::now());
        let passed = (verdict == Verdict::Pass).then_some(trial.bytes);
        assert_eq!(passed, left, "{first:#x}, {payload} bytes");
    }
}

/// Time needs an in-memory connection, but no waiting: the paused clock jumps to the next timer.
#[tokio::test(start_paused = true)]
async fn the_time_starts_with_the_connection() {
    let mut client = Handshake::new("/ws").connect(app(&Trial { time: MINUTE, bytes: 10 })).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(client.closed().await.unwrap().to_string(), "4402 the trial's time is over");
    assert!(began.elapsed() >= MINUTE && began.elapsed() < MINUTE + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let server = serve(app(&Trial { time: MINUTE, bytes: 20 })).await;
    let mut table = Table::new();

    let mut polite = Client::open(server, "/ws", &[]).await;
    table.row("sends \"hello\"", format!("\"{}\"", polite.request("hello").await));
    polite.send_text(&"long ".repeat(10)).await;
    table.row("then sends more bytes than are left", polite.closed().await);

    let mut customer = Client::open(server, "/ws", &[("x-key", "customer")]).await;
    let answer = customer.request(&"long ".repeat(10)).await;
    table.row("sends more, as a customer", format!("{} bytes", answer.len()));

    let short = serve(app(&Trial { time: Duration::from_millis(100), bytes: 20 })).await;
    let mut slow = Client::open(short, "/ws", &[]).await;
    table.row("stays longer than the trial lasts", slow.closed().await);
    table.assert_in(include_str!("../README.md"));
}
