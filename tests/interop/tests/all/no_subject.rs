//! Limits by subject, and clients without a subject.

use axum::{
    Extension, Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::pipe::{Client, closed, open, status, text};
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_core::identity::{ClientIp, Subject};
use portcullis_jwt::{JwtLayer, TokenError, TokenMessage, Verification, Verified, Verify};
use portcullis_rate_limit::MessageRateLayer;

/// Accepts every name as a token. The token `nameless` has no subject.
struct Named;

impl Verify<()> for Named {
    fn verify(&self, token: &str) -> Verification<()> {
        let mut verified = Verified::new(());
        verified.subject = (token != "nameless").then(|| Subject::new(token));
        Verification::ready(if token == "bad" { Err(TokenError::Invalid("bad")) } else { Ok(verified) })
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

fn routes() -> Router {
    Router::new().route("/", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)))
}

fn located(app: Router) -> Router {
    app.layer(Extension(ClientIp([192, 0, 2, 1].into())))
}

fn optional() -> JwtLayer<()> {
    JwtLayer::new(Named).bearer().optional()
}

fn first() -> JwtLayer<()> {
    JwtLayer::new(Named).first_message(TokenMessage::raw()).handshakes_only()
}

fn limit(most: usize) -> ConnectionLimitLayer {
    ConnectionLimitLayer::new().per_subject(Limit::new(most).evict_oldest())
}

const NAMELESS: &str = "authorization: Bearer nameless\r\n";
const ALICE: &str = "authorization: Bearer alice\r\n";

async fn echoes(client: &mut Client) {
    client.send_text("hello").await.unwrap();
    assert_eq!(client.next().await, text("hello"));
}

#[tokio::test(start_paused = true)]
async fn clients_without_a_subject_share_by_address_and_are_refused_but_never_evicted() {
    let app = located(routes().layer(limit(2)).layer(optional()));
    let mut anonymous = open(&app, "/", "").await;
    let mut nameless = open(&app, "/", NAMELESS).await;
    assert_eq!(status(&app, "/", "").await, 429);
    assert_eq!(status(&app, "/", NAMELESS).await, 429);
    for client in [&mut anonymous, &mut nameless] {
        echoes(client).await;
    }
    let mut alice = [open(&app, "/", ALICE).await, open(&app, "/", ALICE).await, open(&app, "/", ALICE).await];
    assert_eq!(alice[0].next().await, closed(1008, "replaced by a newer connection"));
    let elsewhere = routes().layer(limit(2)).layer(optional()).layer(Extension(ClientIp([192, 0, 2, 2].into())));
    echoes(&mut open(&elsewhere, "/", "").await).await;
}

#[tokio::test(start_paused = true)]
async fn connections_before_a_first_message_count_only_as_unauthenticated() {
    let app = located(routes().layer(limit(1).unauthenticated(3)).layer(first()));
    let mut waiting = [open(&app, "/", "").await, open(&app, "/", "").await, open(&app, "/", "").await];
    assert_eq!(status(&app, "/", "").await, 503);
    waiting[0].send_text("alice").await.unwrap();
    echoes(&mut waiting[0]).await;
    drop(open(&app, "/", "").await);
}

#[tokio::test(start_paused = true)]
async fn a_first_message_without_a_subject_is_counted_by_address() {
    let app = located(routes().layer(limit(1)).layer(first()));
    let mut clients = [open(&app, "/", "").await, open(&app, "/", "").await];
    for client in &mut clients {
        client.send_text("nameless").await.unwrap();
    }
    echoes(&mut clients[0]).await;
    assert_eq!(clients[1].next().await, closed(1008, "too many connections"));
    for (layer, app) in [
        ("without an address", routes().layer(limit(1)).layer(first())),
        ("required", located(routes().layer(limit(1).require_subject()).layer(first()))),
    ] {
        let mut client = open(&app, "/", "").await;
        client.send_text("nameless").await.unwrap();
        assert_eq!(client.next().await, closed(3003, "not signed in"), "{layer}");
        let mut client = open(&app, "/", "").await;
        client.send_text("alice").await.unwrap();
        echoes(&mut client).await;
    }
}

/// Every layer that counts by subject, and the same where a subject is required.
fn layers() -> [(&'static str, [Router; 2]); 3] {
    let rate = || HandshakeRateLayer::per_second(1).burst(2).per_subject();
    let messages = || MessageRateLayer::per_second(1).per_subject();
    [
        ("connections", [routes().layer(limit(2)), routes().layer(limit(2).require_subject())]),
        ("handshakes", [routes().layer(rate()), routes().layer(rate().require_subject())]),
        ("messages", [routes().layer(messages()), routes().layer(messages().require_subject())]),
    ]
}

#[tokio::test(start_paused = true)]
async fn all_layers_treat_clients_without_a_subject_alike() {
    for (layer, [app, required]) in layers() {
        for (who, headers, known, expected) in [
            ("alice", ALICE, true, [101, 101]),
            ("alice", ALICE, false, [101, 101]),
            ("anonymous", "", true, [101, 403]),
            ("anonymous", "", false, [500, 403]),
            ("nameless", NAMELESS, true, [101, 403]),
            ("nameless", NAMELESS, false, [403, 403]),
        ] {
            for (app, expected) in [&app, &required].into_iter().zip(expected) {
                let app = app.clone().layer(optional());
                let app = if known { located(app) } else { app };
                assert_eq!(status(&app, "/", headers).await, expected, "{layer} {who}, address {known}");
            }
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        }
        assert_eq!(status(&app, "/", "").await, 500, "{layer}: no layer sets a subject or an address");
        assert_eq!(status(&required, "/", "").await, 500, "{layer}: no layer sets a subject or an address");
        assert_eq!(status(&located(app), "/", "").await, 101, "{layer}: a layer of your own may set subjects");
        assert_eq!(status(&located(required), "/", "").await, 403, "{layer}: and has set none");
    }
}

#[tokio::test(start_paused = true)]
async fn report_only_refuses_no_client_without_a_subject() {
    for app in [
        routes().layer(limit(1).require_subject().report_only()),
        routes().layer(HandshakeRateLayer::per_second(1).require_subject().report_only()),
        routes().layer(MessageRateLayer::per_second(1).require_subject().report_only()),
    ] {
        let mut client = open(&located(app.layer(optional())), "/", "").await;
        for _ in 0..3 {
            echoes(&mut client).await;
        }
    }
}
