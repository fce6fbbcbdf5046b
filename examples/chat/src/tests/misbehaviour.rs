//! One test for each kind of misbehaviour.

use std::time::Duration;

use super::client::{Client, Server, forged};
use serde_json::json;

/// A message of the chat, as JSON.
fn say(text: &str) -> String {
    json!({"type": "say", "text": text}).to_string()
}

#[tokio::test]
async fn a_message_reaches_all_members_of_the_room() {
    let server = Server::start().await;
    let (mut alice, mut bob) = (server.enter("alice").await, server.enter("bob").await);
    bob.receive("members").await;
    alice.send(&say("<b>hello</b>")).await;
    let event = bob.receive("said").await;
    assert_eq!((&event["name"], &event["text"]), (&json!("alice"), &json!("<b>hello</b>")));
    let mut carol = server.enter("carol").await;
    assert_eq!(carol.receive("said").await["text"], "<b>hello</b>", "an earlier message");
}

#[tokio::test]
async fn a_flood_is_closed_with_1008_and_a_new_connection_does_not_help() {
    let server = Server::start().await;
    let mut alice = server.enter("alice").await;
    alice.send_many(&say("now!"), 50).await;
    assert_eq!(alice.closed().await, (1008, "message rate exceeded".into()));
    let mut again = server.enter("alice").await;
    // As many as a separate quota would admit.
    again.send_many(&say("now!"), 10).await;
    assert_eq!(again.closed().await.0, 1008, "the quota is the user's");
}

#[tokio::test]
async fn a_long_message_is_closed_with_1009() {
    let server = Server::start().await;
    let mut alice = server.enter("alice").await;
    alice.send(&say(&"a".repeat(5000))).await;
    assert_eq!(alice.closed().await, (1009, "message over 4096 bytes".into()));
}

#[tokio::test]
async fn a_kicked_client_receives_the_name_of_the_kicker() {
    let server = Server::start().await;
    let (mut alice, mut bob) = (server.enter("alice").await, server.enter("bob").await);
    bob.receive("members").await;
    let mut elsewhere = server.open("attic", &server.token("bob", 60).await).await;
    alice.send(&json!({"type": "kick", "name": "carol"}).to_string()).await;
    alice.send(&json!({"type": "kick", "name": "bob"}).to_string()).await;
    for bobs in [&mut bob, &mut elsewhere] {
        assert_eq!(bobs.closed().await, (4001, "kicked by alice".into()));
    }
    alice.send(&say("gone")).await;
    assert_eq!(alice.receive("said").await["text"], "gone");
}

#[tokio::test]
async fn a_session_ends_with_its_token_unless_it_is_renewed() {
    let server = Server::start().await;
    let mut alice = server.open("lobby", &server.token("alice", 3).await).await;
    let mut bob = server.open("lobby", &server.token("bob", 3).await).await;
    bob.send(&json!({"type": "renew", "token": server.token("bob", 60).await}).to_string()).await;
    assert_eq!(alice.closed().await, (3000, "token expired".into()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    bob.send(&say("still here")).await;
    assert_eq!(bob.receive("said").await["text"], "still here");
}

#[tokio::test]
async fn a_session_cannot_be_renewed_with_another_users_token() {
    let server = Server::start().await;
    let mut alice = server.enter("alice").await;
    alice.send(&json!({"type": "renew", "token": server.token("bob", 60).await}).to_string()).await;
    assert_eq!(alice.closed().await, (3003, "forbidden: not a token of the same subject".into()));
}

#[tokio::test]
async fn a_forged_token_is_closed_with_3000() {
    let server = Server::start().await;
    let mut mallory = server.open("lobby", &forged(&server.token("alice", 60).await)).await;
    let (code, reason) = mallory.closed().await;
    assert!(code == 3000 && reason.starts_with("invalid token"), "{code} {reason}");
}

#[tokio::test]
async fn a_crash_is_closed_with_1011_and_affects_no_other_connection() {
    let server = Server::start().await;
    let (mut alice, mut bob) = (server.enter("alice").await, server.enter("bob").await);
    alice.send(&json!({"type": "crash"}).to_string()).await;
    let (code, reason) = alice.closed().await;
    assert!(code == 1011 && !reason.contains("button"), "{code} {reason}");
    bob.send(&say("still here")).await;
    assert_eq!(bob.receive("said").await["text"], "still here");
}

#[tokio::test]
async fn an_invalid_message_or_room_closes_with_a_reason() {
    let server = Server::start().await;
    let mut alice = server.enter("alice").await;
    alice.send("{}").await;
    assert_eq!(alice.closed().await, (1007, "invalid message at line 1 column 2".into()));
    let mut lost = server.open("no%20room", &server.token("alice", 60).await).await;
    assert_eq!(lost.closed().await.0, 4404);
}

#[tokio::test]
async fn the_fifth_tab_replaces_the_first() {
    let server = Server::start().await;
    let token = server.token("alice", 60).await;
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(server.open("lobby", &token).await);
    }
    assert_eq!(tabs[0].closed().await, (1008, "replaced by a newer connection".into()));
    tabs[1].receive("members").await;
}

#[tokio::test]
async fn too_many_connections_from_one_address_close_with_1013() {
    let server = Server::start().await;
    let mut crowd = Vec::new();
    for number in 0..16 {
        crowd.push(server.enter(&format!("guest-{number}")).await);
    }
    let mut late = server.enter("late").await;
    assert_eq!(late.closed().await, (1013, "too many connections; retry after 5 s".into()));
    drop(crowd.pop());
    server.until(|panel| panel["count"] == 15).await;
    server.enter("late").await.receive("members").await;
}

#[tokio::test]
async fn too_many_handshakes_close_with_1013() {
    let server = Server::start().await;
    let token = server.token("alice", 60).await;
    let mut codes = Vec::new();
    for _ in 0..100 {
        let mut tab = server.open("lobby", &forged(&token)).await;
        codes.push(tab.closed().await.0);
    }
    assert!(codes[..40].iter().all(|code| *code == 3000), "{codes:?}");
    assert!(codes.contains(&1013), "{codes:?}");
}

#[tokio::test]
async fn a_foreign_page_gets_a_403_and_no_connection() {
    let server = Server::start().await;
    let token = server.token("alice", 60).await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(Client::open(&server, "lobby", &token, origin).await.unwrap_err(), 403, "{origin}");
    }
    let panel = server.panel().await;
    let kinds: Vec<_> = panel["refusals"].as_array().unwrap().iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(kinds, ["null_origin", "origin_not_allowed"]);
}

#[tokio::test]
async fn the_panel_shows_live_connections_and_how_others_ended() {
    let server = Server::start().await;
    let (mut alice, _bob) = (server.enter("alice").await, server.enter("bob").await);
    alice.send("{}").await;
    alice.closed().await;
    let panel = server.until(|panel| panel["count"] == 1 && panel["ends"][0].is_object()).await;
    assert_eq!(panel["live"][0]["subject"], "bob");
    assert_eq!((&panel["ends"][0]["code"], &panel["ends"][0]["by"]), (&json!(1007), &json!("handler")));
}

#[tokio::test]
async fn only_requests_for_this_machine_are_answered() {
    let server = Server::start().await;
    for (host, status) in [("localhost:3000", 200), ("127.0.0.1", 200), ("evil.example", 421), ("localhost.evil", 421)]
    {
        let response = server.http(&format!("GET /panel HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {response}");
    }
    let response = server.http("GET /panel HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 4"), "{response}");
}
