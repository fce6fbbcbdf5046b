//! One handshake, one subject: two layers that authenticate must agree, and so must a first message.

use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    routing::any,
};
use interop::pipe::{self, closed, text};
use portcullis_connections::{ConnectionLimitLayer, Limit};
use portcullis_core::{
    Connection, Connections,
    identity::Subject,
    testing::{ConnectError, Handshake},
};
use portcullis_jwt::{JwtLayer, TokenMessage, Verification, Verified, Verify};
use portcullis_rate_limit::MessageRateLayer;

/// Tokens are names. Claims of two types, so that two layers are two sessions.
struct Names<T>(T);

impl<T: Clone + Send + Sync + 'static> Verify<T> for Names<T> {
    fn verify(&self, token: &str) -> Verification<T> {
        let mut verified = Verified::new(self.0.clone());
        verified.subject = Some(Subject::new(token));
        Verification::ready(Ok(verified))
    }
}

fn outer() -> JwtLayer<u8> {
    JwtLayer::new(Names(1)).bearer().optional()
}

fn inner() -> JwtLayer<u16> {
    JwtLayer::new(Names(2)).query("token").optional()
}

/// Returns the subject of the connection and of the request.
fn app() -> Router {
    let upgrade = any(async |upgrade: WebSocketUpgrade, connection: Connection, request: http::Extensions| {
        let of_request = request.get::<Subject>().cloned();
        upgrade.on_upgrade(async move |mut socket| {
            let names = [connection.subject(), of_request].map(|subject| subject.map(|it| it.as_str().to_owned()));
            drop(socket.send(Message::text(format!("{names:?}"))).await);
        })
    });
    Router::new().route("/ws", upgrade)
}

fn handshake(outer: Option<&str>, inner: Option<&str>) -> Handshake {
    let path = inner.map_or("/ws".to_owned(), |name| format!("/ws?token={name}"));
    match outer {
        Some(name) => Handshake::new(path).header("authorization", format!("Bearer {name}")),
        None => Handshake::new(path),
    }
}

#[tokio::test(start_paused = true)]
async fn two_layers_that_disagree_are_a_wiring_mistake() {
    let app = app().layer(inner()).layer(outer());
    for (outer, inner, expected) in [
        (None, None, Ok("[None, None]")),
        (Some("alice"), None, Ok(r#"[Some("alice"), Some("alice")]"#)),
        (None, Some("alice"), Ok(r#"[Some("alice"), Some("alice")]"#)),
        (Some("alice"), Some("alice"), Ok(r#"[Some("alice"), Some("alice")]"#)),
        (Some("alice"), Some("bob"), Err(500)),
    ] {
        match handshake(outer, inner).connect(app.clone()).await {
            Ok(mut client) => assert_eq!(client.next().await, expected.ok().and_then(text), "{outer:?} {inner:?}"),
            Err(ConnectError::Refused(refused)) => {
                assert_eq!(Err(refused.status().as_u16()), expected, "{outer:?} {inner:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subject_that_the_application_sets_counts_like_a_layers() {
    let connections = Connections::new();
    let app = app().layer(inner()).layer(connections.layer());
    let alice = || handshake(None, Some("alice"));
    let refused = alice().extension(Subject::new("bob")).connect(app.clone()).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().kind(), "wiring");
    let _client = alice().extension(Subject::new("alice")).connect(app).await.unwrap();
    assert_eq!(connections.of_subject(&Subject::new("alice")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn on_report_only_the_outer_subject_stays() {
    let app = app().layer(inner().report_only()).layer(outer());
    let mut client = handshake(Some("alice"), Some("bob")).connect(app).await.unwrap();
    assert_eq!(client.next().await, text(r#"[Some("alice"), Some("alice")]"#));
}

#[tokio::test(start_paused = true)]
async fn a_first_message_of_another_subject_closes_with_1008() {
    let first = JwtLayer::new(Names(2_u16)).query("unused").first_message(TokenMessage::raw());
    for (name, report_only, seen) in [
        ("alice", false, text(r#"[Some("alice"), Some("alice")]"#)),
        ("bob", false, closed(1008, "signed in as another subject already")),
        ("bob", true, text(r#"[Some("alice"), Some("alice")]"#)),
    ] {
        let first = if report_only { first.clone().report_only() } else { first.clone() };
        let app = app().layer(first).layer(outer());
        let mut client = pipe::open(&app, "/ws", "authorization: Bearer alice\r\n").await;
        client.send_text(name).await.unwrap();
        assert_eq!(client.next().await, seen, "{name} {report_only}");
    }
}

#[tokio::test(start_paused = true)]
async fn layers_outside_and_inside_count_by_the_same_subject() {
    // Behind the outer layer one of each kind, and one of each behind the inner.
    let limit = || ConnectionLimitLayer::new().per_subject(Limit::new(1));
    let rate = || MessageRateLayer::per_second(1).per_subject();
    let app = app().layer(rate()).layer(limit()).layer(inner()).layer(rate()).layer(limit()).layer(outer());
    let _alice = handshake(Some("alice"), Some("alice")).connect(app.clone()).await.unwrap();
    let refused = handshake(Some("alice"), Some("alice")).connect(app.clone()).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().kind(), "too_many_connections");
    let refused = handshake(Some("bob"), Some("carol")).connect(app.clone()).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().kind(), "wiring");
    // A refused client holds nothing.
    let _bob = handshake(Some("bob"), Some("bob")).connect(app).await.unwrap();
}
