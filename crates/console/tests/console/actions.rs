//! Actions of operators: their outcome, and the log entry with the operator's name.

use std::{
    io,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use http::StatusCode;
use portcullis_console::{Console, Operator};
use portcullis_core::{
    Connections, Decision, EndedBy,
    identity::Subject,
    shared::{Command, CommandHandler, Name, NodeId, ShareCommands},
};
use portcullis_jwt::Revocations;
use portcullis_liveness::Drain;
use serde_json::json;
use tokio::sync::Notify;
use tracing_subscriber::fmt::MakeWriter;

use crate::ask::{connect, get, open, post};

#[tokio::test]
async fn a_connection_is_closed_with_the_given_code_and_reason() {
    let connections = Connections::new();
    let (alice, mut client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let (bob, _client) = connect(&connections, "bob", [192, 0, 2, 2]);
    let console = open(&connections);
    let body = json!({"connection": alice.id().to_string(), "code": 4001, "reason": "<b>out</b>"}).to_string();
    assert_eq!(post(&console, "/api/close", &body).await, (StatusCode::OK, json!({"closed": 1})));
    assert_eq!(client.closed().await.unwrap().to_string(), "4001 <b>out</b>");
    drop(client);
    assert_eq!(alice.closed().await.by, EndedBy::Guard);
    assert_eq!(post(&console, "/api/close", &body).await.0, StatusCode::NOT_FOUND, "it is gone");
    assert_eq!(bob.close_reason(), None);
    let done = &get(&console, "/api/refusals").await["last"]["actions"][0];
    assert_eq!((&done["operator"], &done["action"]), (&json!("olga"), &json!("close")));
    assert!(done["target"].as_str().unwrap().contains("4001 <b>out</b>"), "{done}");
}

#[tokio::test]
async fn all_connections_of_a_subject_or_an_address_are_closed_and_no_others() {
    for (of, closes) in [
        (json!({"subject": "alice"}), [true, true, false]),
        (json!({"subject": "alice", "issuer": "https://id.example"}), [false, false, false]),
        (json!({"client_ip": "192.0.2.2"}), [false, true, true]),
        (json!({"client_ip": "::ffff:192.0.2.2"}), [false, true, true]),
        (json!({"subject_of": 0}), [true, true, false]),
        (json!({"client_ip_of": 1}), [false, true, true]),
    ] {
        let connections = Connections::new();
        let mut clients = Vec::new();
        for (subject, host) in [("alice", 1), ("alice", 2), ("bob", 2)] {
            clients.push(connect(&connections, subject, [192, 0, 2, host]));
        }
        let mut body = of.clone();
        for name in ["subject_of", "client_ip_of"] {
            if let Some(place) = of.get(name).and_then(serde_json::Value::as_u64) {
                let (connection, _) = &clients[usize::try_from(place).unwrap()];
                body[name] = json!(connection.id().to_string());
            }
        }
        let (status, answer) = post(&open(&connections), "/api/close", &body.to_string()).await;
        let expected = closes.iter().filter(|closes| **closes).count();
        assert_eq!((status, answer), (StatusCode::OK, json!({"closed": expected})), "{of}");
        for ((connection, mut client), closes) in clients.into_iter().zip(closes) {
            if closes {
                assert_eq!(client.closed().await.unwrap().to_string(), "1008", "{of}");
            } else {
                assert_eq!(connection.close_reason(), None, "{of}");
            }
        }
    }
}

#[tokio::test]
async fn an_invalid_request_closes_nothing() {
    let connections = Connections::new();
    let (alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections);
    let id = alice.id().to_string();
    let long = "x".repeat(124);
    for (body, status) in [
        ("", 400),
        ("alice", 400),
        ("{}", 422),
        (r#"{"subject": "alice", "client_ip": "192.0.2.1"}"#, 422),
        (r#"{"subjekt": "alice"}"#, 400),
        (r#"{"subject": "alice", "cod": 4000}"#, 400),
        (r#"{"subject": "alice", "code": 1005}"#, 422),
        (r#"{"subject": "alice", "code": 99}"#, 422),
        (r#"{"issuer": "https://id.example"}"#, 422),
        (r#"{"client_ip": "alice"}"#, 400),
        (r#"{"connection": "alice"}"#, 422),
        (r#"{"connection": "999999999"}"#, 404),
        (&format!(r#"{{"subject": "alice", "reason": "{long}"}}"#), 422),
        (&format!(r#"{{"connection": "{id}", "node": "nowhere"}}"#), 422),
        (&format!(r#"{{"subject": "{}"}}"#, "x".repeat(5000)), 413),
    ] {
        let (answered, answer) = post(&console, "/api/close", body).await;
        assert_eq!(answered.as_u16(), status, "{body}: {answer}");
    }
    assert_eq!(alice.close_reason(), None);
}

#[tokio::test]
async fn tokens_are_revoked() {
    let (connections, revocations) = (Connections::new(), Revocations::new());
    let (alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections);
    assert_eq!(post(&console, "/api/revoke", r#"{"subject": "alice"}"#).await.0, StatusCode::NOT_FOUND);
    let console = console.revocations(&revocations);
    assert_eq!(get(&console, "/api/summary").await["may"], json!(["close", "revoke"]));
    for (body, status) in [
        (json!({"subject": "alice"}), 200),
        (json!({"subject_of": alice.id().to_string()}), 200),
        (json!({"token": "7", "issuer": "https://id.example"}), 200),
        (json!({}), 422),
        (json!({"subject": "alice", "token": "7"}), 422),
        (json!({"user": "alice"}), 400),
    ] {
        assert_eq!(post(&console, "/api/revoke", &body.to_string()).await.0.as_u16(), status, "{body}");
    }
    // The registry has the same subject by which a session would be revoked.
    assert_eq!(alice.subject(), Some(Subject::new("alice")));
}

/// A store that accepts a command only when the test notifies it.
#[derive(Clone, Default)]
struct Slow(Arc<Notify>);

impl ShareCommands for Slow {
    fn name(&self, _: &str, _: &[u8]) -> Name {
        Name::from_bytes([0; 16])
    }

    fn node(&self) -> NodeId {
        NodeId::from_bytes([1; 16])
    }

    fn send(&self, _: Command) -> Decision<bool> {
        let accepted = self.0.clone();
        Decision::wait(async move {
            accepted.notified().await;
            true
        })
    }

    fn deliver(&self, _: Weak<dyn CommandHandler>) {}
}

#[tokio::test]
async fn an_action_is_recorded_even_if_its_operator_disconnects() {
    let store = Slow::default();
    let connections = Connections::new().shared(&store);
    let (_alice, mut client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections);
    let mut acting = Box::pin(post(&console, "/api/close", r#"{"subject": "alice"}"#));
    tokio::select! {
        biased;
        _ = &mut acting => panic!("the store has not answered"),
        closed = client.closed() => assert_eq!(closed.unwrap().to_string(), "1008"),
    }
    drop(acting);
    store.0.notify_one();
    let known = async {
        while get(&console, "/api/refusals").await["last"]["actions"].as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), known).await.expect("it is known");
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_started_once_and_its_state_is_shown() {
    let connections = Connections::new();
    let drain = Drain::of(connections.clone()).window(Duration::ZERO);
    let (_alice, mut client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections).drain(&drain);
    assert_eq!(get(&console, "/api/summary").await["drain"]["state"], "open");
    assert_eq!(post(&console, "/api/drain", "").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&console, "/api/drain", "{}").await, (StatusCode::OK, json!({"closed": 1})));
    assert_eq!(post(&console, "/api/drain", "{}").await.0, StatusCode::CONFLICT);
    assert_eq!(get(&console, "/api/summary").await["drain"]["state"], "draining");
    assert_eq!(client.closed().await.unwrap().code().unwrap(), 1012);
    drop(client);
    drain.drained().await;
    let shown = &get(&console, "/api/summary").await["drain"];
    assert_eq!(shown["state"], "drained");
    assert!(shown["result"].as_str().unwrap().contains("closed"), "{shown}");
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_action_is_logged_on_one_line() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let connections = Connections::new();
    let _alice = connect(&connections, "alice\nforged line", [192, 0, 2, 1]);
    let console = Console::new(connections).allow_actions().authorize(|_| Some(Operator::new("ol\nga")));
    let body = json!({"subject": "alice\nforged line", "reason": "a\nb"}).to_string();
    assert_eq!(post(&console, "/api/close", &body).await.0, StatusCode::OK);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = logged.lines().find(|line| line.contains("an operator acted")).unwrap();
    for part in [r#"operator="ol\nga""#, r#"action="close""#, "forged line", "1008 a", "closed=1"] {
        assert!(line.contains(part), "{line}");
    }
}
