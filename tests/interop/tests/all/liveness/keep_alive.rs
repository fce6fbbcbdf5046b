//! Keepalive: peers that answer pings, and peers that do not.

use std::time::Duration;

use axum::{Router, extract::ws::Message};
use interop::{
    handlers,
    pipe::{Seen, closed, text},
};
use portcullis_liveness::KeepAliveLayer;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::{Instant, sleep};

use super::apps::{HOUR, MILLI, SECOND, YEAR, busy, echo, open, ping, spied};

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_is_kept_and_its_pongs_are_not_shown() {
    let (app, seen) = spied();
    let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
    let mut before = Instant::now();
    let mut periods = Vec::new();
    for _ in 0..100 {
        let payload = ping(&mut pipe).await;
        periods.push(before.elapsed());
        before = Instant::now();
        sleep(19 * SECOND).await;
        pipe.send_frame(0x8a, &payload).await.unwrap();
    }
    assert!(periods[1..].iter().all(|period| *period == periods[1]), "{periods:?}");
    assert!(periods[1] <= 25 * SECOND && periods[1] > 18 * SECOND, "{periods:?}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_is_closed_when_its_time_is_over() {
    let mut pipe = open(&echo().layer(KeepAliveLayer::new())).await;
    ping(&mut pipe).await;
    let asked = Instant::now();
    assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
    let took = asked.elapsed();
    assert!(took >= 20 * SECOND && took < 22 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn every_frame_is_a_sign_of_life() {
    let (app, seen) = spied();
    let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
    for _ in 0..10 {
        ping(&mut pipe).await;
        sleep(19 * SECOND).await;
        pipe.send_frame(0x8a, b"of my own").await.unwrap();
    }
    sleep(SECOND).await;
    assert_eq!(*seen.lock().unwrap(), vec![Message::Pong("of my own".into()); 10]);
}

#[tokio::test(start_paused = true)]
async fn an_older_pings_answer_is_ours_too_and_no_pong_answers_twice() {
    let (app, seen) = spied();
    let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
    let first = ping(&mut pipe).await;
    pipe.send_text("life").await.unwrap();
    let second = ping(&mut pipe).await;
    for pong in [&first, &second, &second, &first] {
        pipe.send_frame(0x8a, pong).await.unwrap();
    }
    pipe.send_text("end").await.unwrap();
    ping(&mut pipe).await;
    let pong = |payload: Vec<u8>| Message::Pong(payload.into());
    let shown = [Message::text("life"), pong(second), pong(first), Message::text("end")];
    assert_eq!(*seen.lock().unwrap(), shown);
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_on_the_handle() {
    let (app, handles) = handlers::watched(handlers::echo);
    let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
    let handle = handles.recv().unwrap();
    assert_eq!(handle.round_trip(), None);
    let payload = ping(&mut pipe).await;
    sleep(120 * MILLI).await;
    pipe.send_frame(0x8a, &payload).await.unwrap();
    ping(&mut pipe).await;
    assert_eq!(handle.round_trip(), Some(120 * MILLI));
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_a_busy_handler_leaves_unread_counts() {
    let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
    let opened = Instant::now();
    while opened.elapsed() < 59 * 60 * SECOND {
        let payload = ping(&mut pipe).await;
        pipe.send_frame(0x8a, &payload).await.unwrap();
    }
    pipe.send_text("hello").await.unwrap();
    loop {
        match pipe.next().await {
            Some(Seen::Ping(payload)) => pipe.send_frame(0x8a, &payload).await.unwrap(),
            seen => break assert_eq!(seen, text("hello")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_is_closed_while_its_handler_is_busy() {
    let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
    let payload = ping(&mut pipe).await;
    pipe.send_frame(0x8a, &payload).await.unwrap();
    pipe.send_text("last words").await.unwrap();
    ping(&mut pipe).await;
    let asked = Instant::now();
    assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
    assert!(asked.elapsed() < 22 * SECOND, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_judged_by_what_cannot_be_seen() {
    let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
    // More than is looked at: the pongs are somewhere behind it.
    pipe.send_frame(0x82, &[0; 8000]).await.unwrap();
    let opened = Instant::now();
    let payload = ping(&mut pipe).await;
    pipe.send_frame(0x8a, &payload).await.unwrap();
    let mut pings = 0;
    loop {
        match pipe.next().await {
            Some(Seen::Ping(payload)) => pipe.send_frame(0x8a, &payload).await.unwrap(),
            seen => break assert_eq!(seen, Some(Seen::Binary(vec![0; 8000]))),
        }
        pings += 1;
    }
    assert!(opened.elapsed() + 26 * SECOND > HOUR);
    assert!(pings > 100, "{pings}: that a ping cannot be sent is how a peer that is gone would be noticed");
    // What could not be seen then has been read by now: a peer that is gone from here on is closed.
    loop {
        match pipe.next().await {
            Some(Seen::Ping(_)) => {}
            seen => break assert_eq!(seen, closed(3008, "no answer to a ping")),
        }
    }
}

/// Echoes a message in five minutes.
fn delayed() -> Router {
    let slow = MessageRateLayer::new(portcullis_rate_limit::Quota::with_period(300 * SECOND).unwrap())
        .on_excess(Excess::Delay)
        .max_delay(HOUR);
    echo().layer(slow).layer(KeepAliveLayer::new())
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_input_is_delayed_stays_as_long_as_it_answers() {
    let mut pipe = open(&delayed()).await;
    for word in ["one", "two"] {
        pipe.send_text(word).await.unwrap();
    }
    let opened = Instant::now();
    assert_eq!(pipe.next().await, text("one"));
    loop {
        match pipe.next().await {
            Some(Seen::Ping(payload)) => pipe.send_frame(0x8a, &payload).await.unwrap(),
            seen => break assert_eq!(seen, text("two")),
        }
    }
    assert!(opened.elapsed() >= 299 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_closed_though_its_input_is_delayed() {
    let mut pipe = open(&delayed()).await;
    for word in ["one", "two"] {
        pipe.send_text(word).await.unwrap();
    }
    let opened = Instant::now();
    assert_eq!(pipe.next().await, text("one"));
    ping(&mut pipe).await;
    assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
    assert!(opened.elapsed() < 46 * SECOND, "{:?}", opened.elapsed());
}

#[tokio::test(start_paused = true)]
async fn connections_that_came_together_are_not_pinged_together() {
    let app = echo().layer(KeepAliveLayer::new());
    let mut pipes = Vec::new();
    for _ in 0..200 {
        pipes.push(open(&app).await);
    }
    let opened = Instant::now();
    let mut times = Vec::new();
    for pipe in pipes {
        times.push(tokio::spawn(async move {
            let mut pipe = pipe;
            ping(&mut pipe).await;
            opened.elapsed().as_millis() / 100
        }));
    }
    let mut moments = std::collections::HashSet::new();
    for time in times {
        moments.insert(time.await.unwrap());
    }
    assert!(moments.len() > 30, "200 pings in {} tenths of a second", moments.len());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_closes_no_peer_that_answered() {
    let mut pipe = open(&echo().layer(KeepAliveLayer::new())).await;
    for _ in 0..10 {
        let payload = ping(&mut pipe).await;
        pipe.send_frame(0x8a, &payload).await.unwrap();
        // A machine that sleeps: everything is late at once, and the answer is there.
        tokio::time::advance(10 * HOUR).await;
    }
    ping(&mut pipe).await;
    tokio::time::advance(10 * HOUR).await;
    assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
}

#[tokio::test(start_paused = true)]
async fn an_interval_of_any_length_is_fine() {
    for interval in [10 * YEAR, Duration::MAX] {
        let mut pipe = open(&echo().layer(KeepAliveLayer::new().interval(interval).timeout(interval))).await;
        sleep(YEAR).await;
        pipe.send_text("still there").await.unwrap();
        assert_eq!(pipe.next().await, text("still there"));
    }
}
