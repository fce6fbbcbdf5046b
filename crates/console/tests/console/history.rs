//! Refusals and closes with their reasons, including those of report-only layers.

use http::StatusCode;
use portcullis_core::{Connections, refusal::Refusal};
use serde_json::json;

use crate::ask::{connect, get, open, post};

#[tokio::test]
async fn refusals_and_closes_are_counted_and_the_latest_have_their_reasons() {
    let connections = Connections::new();
    let console = open(&connections);
    let full = || Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).with_message("no <i>room</i>");
    for _ in 0..3 {
        full().into_response::<()>();
    }
    full().report();
    let (alice, mut client) = connect(&connections, "alice", [192, 0, 2, 1]);
    assert_eq!(post(&console, "/api/close", r#"{"subject": "alice", "reason": "out"}"#).await.0, StatusCode::OK);
    client.closed().await.unwrap();
    drop(client);
    alice.closed().await;
    let shown = get(&console, "/api/refusals").await;
    let counted = |group: &str| {
        let kinds = shown[group].as_array().unwrap().iter();
        kinds.map(|kind| (kind["kind"].clone(), kind["total"].clone())).collect::<Vec<_>>()
    };
    assert!(counted("refused").contains(&(json!("full"), json!(3))), "{shown}");
    assert!(counted("would_refuse").contains(&(json!("full"), json!(1))), "{shown}");
    assert!(counted("closed").iter().any(|(code, _)| code == "1008" || code == "1006"), "{shown}");
    let refused = &shown["last"]["refused"][0];
    let expected = json!(["full", 503, "no <i>room</i>", 3]);
    assert_eq!(json!([refused["kind"], refused["status"], refused["reason"], refused["times"]]), expected);
    assert_eq!(shown["last"]["would_refuse"].as_array().unwrap().len(), 1);
    let closed = &shown["last"]["closed"][0];
    assert_eq!((&closed["reason"], &closed["subject"]), (&json!("out"), &json!("alice")), "{closed}");
    assert_eq!(shown["refused"][0]["minutes"].as_array().unwrap().len(), 60);
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_exceed_the_bounds() {
    let console = open(&Connections::new());
    for number in 0..10_000 {
        let kind: &'static str = Box::leak(format!("kind {number}").into_boxed_str());
        let refusal = Refusal::new(kind, StatusCode::FORBIDDEN).with_message("\u{1F512}".repeat(5000));
        refusal.into_response::<()>();
    }
    let shown = get(&console, "/api/refusals").await;
    assert!(shown["refused"].as_array().unwrap().len() <= 129);
    let total: u64 = shown["refused"].as_array().unwrap().iter().map(|kind| kind["total"].as_u64().unwrap()).sum();
    assert_eq!(total, 10_000, "all are counted");
    let last = shown["last"]["refused"].as_array().unwrap();
    assert_eq!(last.len(), 100);
    assert!(last.iter().all(|one| one["reason"].as_str().unwrap().chars().count() == 300));
}
