//! Server-sent events: what viewers receive, and how many viewers there may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use portcullis_console::{Console, ConsoleBody, Operator};
use portcullis_core::{Connections, refusal::Refusal};
use serde_json::Value;

use crate::ask::{answer, connect, open};

/// The next event: its name and its data.
async fn next(stream: &mut Response<ConsoleBody>) -> Option<(String, Value)> {
    let frame = stream.body_mut().frame().await?.unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    let (name, data) = text.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
    Some((name.to_owned(), serde_json::from_str(data.strip_suffix("\n\n").unwrap()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn viewers_get_updates_each_interval_and_the_history_when_it_changes() {
    let connections = Connections::new();
    let _alice = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections);
    let mut stream = answer(&console, Request::get("/api/events?search=alice"), "").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (name, update) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &update["connections"]["matched"]), ("update", &1.into()));
    assert_eq!(next(&mut stream).await.unwrap().0, "history");
    let _bob = connect(&connections, "bob", [192, 0, 2, 2]);
    let (name, update) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &update["summary"]["live"]), ("update", &2.into()));
    assert_eq!(update["connections"]["matched"], 1);
    assert_eq!(next(&mut stream).await.unwrap().0, "update", "the history has not changed");
    Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).into_response::<()>();
    let events = [next(&mut stream).await.unwrap().0, next(&mut stream).await.unwrap().0];
    assert!(events.contains(&"history".to_owned()), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn viewers_are_limited_and_free_their_place_when_they_leave() {
    let console = open(&Connections::new()).viewers(1);
    let mut first = answer(&console, Request::get("/api/events"), "").await;
    next(&mut first).await.unwrap();
    let second = answer(&console, Request::get("/api/events"), "").await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()["retry-after"], "5");
    drop(first);
    // The server notices at the next update at the latest.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(answer(&console, Request::get("/api/events"), "").await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_five_minutes_for_a_new_authorization() {
    let console = open(&Connections::new());
    let mut stream = answer(&console, Request::get("/api/events"), "").await;
    let began = tokio::time::Instant::now();
    while next(&mut stream).await.is_some() {}
    assert!((299..=302).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_whose_session_has_ended_sees_no_more() {
    let (connections, known) = (Connections::new(), Arc::new(AtomicBool::new(true)));
    let session = known.clone();
    let console = Console::new(connections).authorize(move |parts| {
        let cookie = parts.headers.get("cookie")? == "session=7";
        (cookie && session.load(Ordering::Relaxed)).then(|| Operator::new("olga"))
    });
    let mut stream = answer(&console, Request::get("/api/events").header("cookie", "session=7"), "").await;
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        next(&mut stream).await.expect("it may look");
    }
    known.store(false, Ordering::Relaxed);
    while next(&mut stream).await.is_some() {}
    assert!((60..=71).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_reads_nothing_is_disconnected() {
    let console = open(&Connections::new()).viewers(1);
    let _unread = answer(&console, Request::get("/api/events"), "").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(answer(&console, Request::get("/api/events"), "").await.status(), StatusCode::OK);
}
