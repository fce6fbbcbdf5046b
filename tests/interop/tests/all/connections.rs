//! Limits on live connections, and the registry, over their whole life.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    middleware::{Next, from_fn},
    routing::any,
};
use http::Response;
use hyper::body::Bytes;
use interop::pipe::{self, Client, Seen, answer, ask, closed, text};
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, Limit};
use portcullis_core::{
    CloseCode, CloseFrame, Connection, Connections,
    identity::{ClientIp, Subject},
};
use portcullis_jwt::{JwtLayer, TokenError, TokenMessage, Verification, Verified, Verify};
use portcullis_rate_limit::MessageRateLayer;

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        match message.to_text() {
            Ok("panic") => std::panic::resume_unwind(Box::new("a bug")),
            Ok("leave") => return,
            _ => {}
        }
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

fn routes() -> Router {
    let upgrade = any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo));
    let slow = any(async |_: WebSocketUpgrade| std::future::pending::<()>().await);
    Router::new().route("/ws", upgrade).route("/slow", slow)
}

/// Sets the subject, the peer and the client from headers.
async fn identify(mut request: Request, next: Next) -> axum::response::Response {
    let [user, peer, address] =
        ["user", "peer", "address"].map(|name| Some(request.headers().get(name)?.to_str().unwrap().to_owned()));
    if let Some(user) = user {
        request.extensions_mut().insert(Subject::new(user));
    }
    if let Some(peer) = peer {
        request.extensions_mut().insert(SocketAddr::new(peer.parse().unwrap(), 4711));
    }
    if let Some(address) = address {
        request.extensions_mut().insert(ClientIp(address.parse().unwrap()));
    }
    next.run(request).await
}

fn app(layer: &ConnectionLimitLayer) -> Router {
    routes().layer(layer.clone()).layer(from_fn(identify))
}

async fn open(app: &Router, headers: &str) -> Client {
    pipe::open(app, "/ws", headers).await
}

async fn refused(app: &Router, headers: &str, status: u16) -> Response<Bytes> {
    let answer = answer(app, "/ws", headers).await;
    assert_eq!(answer.status(), status);
    answer
}

/// Waits, with a timeout, until no permit is held.
async fn freed(layer: &ConnectionLimitLayer) {
    for _ in 0..1000 {
        if layer.live() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} permits are still held", layer.live());
}

async fn echoes(pipe: &mut Client) {
    pipe.send_text("hello").await.unwrap();
    assert_eq!(pipe.next().await, text("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_permit_outlives_the_upgrade_and_is_free_after_the_close() {
    let layer = ConnectionLimitLayer::new().global(1);
    let app = app(&layer);
    let mut first = open(&app, "").await;
    echoes(&mut first).await;
    assert_eq!(refused(&app, "", 503).await.headers()["retry-after"], "5");
    first.send_text("leave").await.unwrap();
    assert_eq!(first.next().await, Some(Seen::Close(CloseFrame::empty())));
    assert_eq!(layer.live(), 1, "the closing handshake is not over");
    drop(first);
    freed(&layer).await;
    echoes(&mut open(&app, "").await).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_free_on_every_path() {
    let layer = ConnectionLimitLayer::new().global(1);
    let app = app(&layer);
    answer(&app, "/nowhere", "").await;
    freed(&layer).await;
    for message in ["leave", "panic", "then the client is gone"] {
        let mut pipe = open(&app, "").await;
        assert_eq!(layer.live(), 1);
        pipe.send_text(message).await.unwrap();
        pipe.next().await;
        drop(pipe);
        freed(&layer).await;
    }
    // A request that is abandoned while its handler runs.
    let asked = tokio::time::timeout(Duration::from_secs(1), ask(&app, "/slow", "address: 192.0.2.1\r\n")).await;
    assert!(asked.is_err());
    freed(&layer).await;
    let refusing =
        routes().route_layer(from_fn(async |_: Request, _: Next| StatusCode::FORBIDDEN)).layer(layer.clone());
    refused(&refusing, "", 403).await;
    freed(&layer).await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_counted_by_network_behind_trusted_proxies() {
    let limit = ConnectionLimitLayer::new().per_client_ip(2);
    let proxies = ClientIpLayer::new().trust(["10.0.0.0/8"]).unwrap();
    let app = routes().layer(limit).layer(proxies).layer(from_fn(identify));
    let _held = [
        open(&app, "peer: 2001:db8::1\r\n").await,
        open(&app, "peer: 2001:db8::ffff:1\r\n").await,
        open(&app, "peer: 192.0.2.1\r\nx-forwarded-for: 198.51.100.1\r\n").await,
        open(&app, "peer: 192.0.2.1\r\nx-forwarded-for: 198.51.100.2\r\n").await,
        open(&app, "peer: 10.0.0.1\r\nx-forwarded-for: 1.1.1.1, 198.51.100.3\r\n").await,
        open(&app, "peer: 10.0.0.1\r\nx-forwarded-for: 2.2.2.2, 198.51.100.3\r\n").await,
    ];
    refused(&app, "peer: 2001:db8::2\r\n", 429).await;
    refused(&app, "peer: 192.0.2.1\r\nx-forwarded-for: 198.51.100.9\r\n", 429).await;
    refused(&app, "peer: 10.0.0.2\r\nx-forwarded-for: 3.3.3.3, 198.51.100.3\r\n", 429).await;
    echoes(&mut open(&app, "peer: 203.0.113.1\r\n").await).await;
    refused(&app, "", 500).await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_of_a_subject_is_evicted_but_not_for_a_handshake_that_fails() {
    let layer = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    let app = app(&layer);
    let mut first = open(&app, "user: alice\r\n").await;
    answer(&app, "/nowhere", "user: alice\r\n").await;
    echoes(&mut first).await;
    let mut bob = open(&app, "user: bob\r\n").await;
    let mut second = open(&app, "user: alice\r\n").await;
    assert_eq!(first.next().await, closed(1008, "replaced by a newer connection"));
    echoes(&mut second).await;
    echoes(&mut bob).await;
}

#[tokio::test(start_paused = true)]
async fn report_only_refuses_and_evicts_no_client() {
    let layer = ConnectionLimitLayer::new().global(1).per_subject(Limit::new(1).evict_oldest()).report_only();
    let app = app(&layer);
    let mut first = open(&app, "user: alice\r\n").await;
    let mut second = open(&app, "user: alice\r\n").await;
    echoes(&mut first).await;
    echoes(&mut second).await;
}

#[tokio::test(start_paused = true)]
async fn a_success_that_is_not_an_upgrade_evicts_no_client() {
    let layer = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    let fine = any(async || StatusCode::OK);
    let app = routes().route("/fine", fine).layer(layer.clone()).layer(from_fn(identify));
    let mut first = open(&app, "user: alice\r\n").await;
    assert_eq!(answer(&app, "/fine", "user: alice\r\n").await.status(), 200);
    echoes(&mut first).await;
    assert_eq!(layer.live(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_one_users_zombies_is_bounded() {
    let layer = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    let app = app(&layer);
    let mut zombies = Vec::new();
    for _ in 0..100 {
        // None of them answers its close.
        zombies.push(open(&app, "user: alice\r\n").await);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(layer.live() <= 1 + 32, "{}", layer.live());
    echoes(zombies.last_mut().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_outside_of_the_layer_that_sets_the_subject_also_applies() {
    let limit = ConnectionLimitLayer::new().per_subject(1);
    let located = axum::Extension(ClientIp([192, 0, 2, 1].into()));
    let app = routes().layer(JwtLayer::new(AcceptAll)).layer(limit).layer(located);
    let mut first = open(&app, "authorization: Bearer alice\r\n").await;
    echoes(&mut first).await;
    let mut second = open(&app, "authorization: Bearer alice\r\n").await;
    assert_eq!(second.next().await, closed(1008, "too many connections"));
    echoes(&mut open(&app, "authorization: Bearer bob\r\n").await).await;
}

/// Accepts every token of the form `alice` or `issuer|alice`.
struct AcceptAll;

impl Verify<()> for AcceptAll {
    fn verify(&self, token: &str) -> Verification<()> {
        let mut verified = Verified::new(());
        verified.subject = Some(match token.split_once('|') {
            Some((issuer, name)) => Subject::of_issuer(issuer, name),
            None => Subject::new(token),
        });
        let refused = || TokenError::Invalid("no name");
        Verification::ready(if token.is_empty() { Err(refused()) } else { Ok(verified) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_subject_takes_its_permit_when_it_is_set() {
    let limit = ConnectionLimitLayer::new().unauthenticated(2).per_subject(1);
    let jwt = JwtLayer::new(AcceptAll).first_message(TokenMessage::raw()).handshakes_only();
    let app = routes().layer(limit.clone()).layer(jwt);
    let mut pipes = [open(&app, "").await, open(&app, "").await];
    refused(&app, "", 503).await;
    for pipe in &mut pipes {
        pipe.send_text("alice").await.unwrap();
        pipe.send_text("hello").await.unwrap();
    }
    let [first, second] = &mut pipes;
    assert_eq!(first.next().await, text("hello"));
    assert_eq!(second.next().await, closed(1008, "too many connections"));
    let mut bob = open(&app, "").await;
    bob.send_text("bob").await.unwrap();
    echoes(&mut bob).await;
    let gone_before_it_said_anything = open(&app, "").await;
    drop((pipes, bob, gone_before_it_said_anything));
    freed(&limit).await;
}

#[tokio::test(start_paused = true)]
async fn subjects_of_one_name_and_two_issuers_share_nothing() {
    let connections = Connections::new();
    let app = routes()
        .layer(MessageRateLayer::per_second(1).burst(2).per_subject())
        .layer(ConnectionLimitLayer::new().per_subject(1))
        .layer(JwtLayer::new(AcceptAll))
        .layer(connections.layer());
    let bearer = |subject: &str| format!("authorization: Bearer {subject}\r\n");
    let mut pipes = Vec::new();
    for subject in ["a|alice", "b|alice", "alice"] {
        let mut pipe = open(&app, &bearer(subject)).await;
        // All that the quota of one allows.
        for _ in 0..2 {
            echoes(&mut pipe).await;
        }
        refused(&app, &bearer(subject), 429).await;
        pipes.push(pipe);
    }
    let alice = Subject::of_issuer("b", "alice");
    let of_subject = connections.of_subject(&alice);
    assert_eq!(of_subject.iter().map(Connection::subject).collect::<Vec<_>>(), [Some(alice.clone())]);
    let kicked = CloseFrame::new(CloseCode::POLICY_VIOLATION, "kicked");
    assert_eq!(connections.close_where(&kicked, |connection| connection.subject() == Some(alice.clone())), 1);
    assert_eq!(pipes[1].next().await, closed(1008, "kicked"));
}

#[tokio::test(start_paused = true)]
async fn a_late_subject_evicts_the_oldest() {
    let limit = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    let app =
        routes().layer(limit).layer(JwtLayer::new(AcceptAll).first_message(TokenMessage::raw()).handshakes_only());
    let mut pipes = [open(&app, "").await, open(&app, "").await];
    for pipe in &mut pipes {
        pipe.send_text("alice").await.unwrap();
        echoes(pipe).await;
    }
    assert_eq!(pipes[0].next().await, closed(1008, "replaced by a newer connection"));
    echoes(&mut pipes[1]).await;
}

/// Returns how many of five thousand concurrent handshakes are admitted. They are held until all are answered.
async fn admitted_at_once(layer: &ConnectionLimitLayer) -> usize {
    let app = app(layer);
    let tasks: Vec<_> = (0..5000)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { ask(&app, "/ws", "user: alice\r\naddress: 192.0.2.1\r\n").await.ok() })
        })
        .collect();
    let mut held = Vec::new();
    for task in tasks {
        held.extend(task.await.unwrap());
    }
    assert_eq!(held.len(), layer.live());
    held.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_handshakes_at_once_are_admitted_exactly() {
    let new = ConnectionLimitLayer::new;
    let all = |_: &http::request::Parts| Some("all");
    for layer in [
        new().global(100),
        new().per_client_ip(100),
        new().per_subject(100),
        new().per_key(100, all),
        new().global(1000).per_client_ip(300).per_subject(200).per_key(100, all),
        new().global(100).per_key(1000, all),
    ] {
        assert_eq!(admitted_at_once(&layer).await, 100, "{layer:?}");
        freed(&layer).await;
    }
}

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

#[tokio::test(start_paused = true)]
async fn no_permit_is_left_whatever_happens() {
    for seed in 0..40 {
        let (mut numbers, connections) = (Numbers(seed), Connections::new());
        let layer = ConnectionLimitLayer::new().global(8).per_subject(Limit::new(3).evict_oldest());
        let app = routes().layer(layer.clone()).layer(connections.layer()).layer(from_fn(identify));
        let mut pipes: Vec<Client> = Vec::new();
        for _ in 0..60 {
            let which = numbers.below(pipes.len().max(1));
            match numbers.below(8) {
                0..=2 => {
                    pipes.extend(ask(&app, "/ws", &format!("user: {}\r\n", numbers.below(4))).await);
                }
                3 => drop(answer(&app, "/nowhere", "address: 192.0.2.1\r\n").await),
                4 => {
                    let given_up =
                        tokio::time::timeout(Duration::from_millis(5), ask(&app, "/slow", "address: 192.0.2.1\r\n"))
                            .await;
                    assert!(given_up.is_err() || layer.live() >= 8, "refused at once, or given up");
                }
                5 if !pipes.is_empty() => drop(pipes.swap_remove(which)),
                6 => {
                    let victim = connections.all().into_iter().nth(which);
                    victim.inspect(|victim| victim.close(CloseFrame::new(CloseCode::FORBIDDEN, "kicked")));
                }
                _ => {
                    if let Some(pipe) = pipes.get_mut(which) {
                        // It may have been closed before.
                        drop(pipe.send_text(["panic", "leave", "hello"][numbers.below(3)]).await);
                    }
                }
            }
            assert!(layer.live() <= 8, "seed {seed}");
        }
        drop(pipes);
        freed(&layer).await;
        tokio::time::timeout(Duration::from_mins(1), connections.wait_until_empty()).await.unwrap();
        assert_eq!(connections.all().len(), 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_registry_lists_finds_closes_and_empties() {
    let connections = Connections::new();
    let counted = any(async |upgrade: WebSocketUpgrade, connections: Connections, connection: Connection| {
        upgrade.on_upgrade(async move |mut socket| {
            let found = connections.get(connection.id()).is_some();
            drop(socket.send(Message::text(format!("{} {found}", connections.count()))).await);
            echo(socket).await;
        })
    });
    let app = Router::new().route("/ws", counted).layer(from_fn(identify)).layer(connections.layer());
    let app = app.layer(ClientIpLayer::new()).layer(from_fn(identify));
    let mut alice = open(&app, "user: alice\r\npeer: 192.0.2.1\r\n").await;
    assert_eq!(alice.next().await, text("1 true"));
    let mut bob = open(&app, "user: bob\r\npeer: 192.0.2.2\r\n").await;
    assert_eq!(bob.next().await, text("2 true"));
    answer(&app, "/nowhere", "peer: 192.0.2.3\r\n").await;
    assert_eq!((connections.count(), connections.all().len()), (2, 2));
    assert_eq!(connections.of_subject(&Subject::new("alice")).len(), 1);
    assert_eq!(connections.of_client_ip("192.0.2.2".parse().unwrap()).len(), 1);
    let kicked = CloseFrame::new(CloseCode::FORBIDDEN, "kicked");
    let is_alice = |connection: &Connection| connection.subject().is_some_and(|subject| subject.as_str() == "alice");
    assert_eq!(connections.close_where(&kicked, is_alice), 1);
    assert_eq!(alice.next().await, closed(3003, "kicked"));
    echoes(&mut bob).await;
    drop(alice);
    let emptied = tokio::spawn({
        let connections = connections.clone();
        async move { connections.wait_until_empty().await }
    });
    assert_eq!(connections.close_where(&kicked, |_| true), connections.count());
    assert_eq!(bob.next().await, closed(3003, "kicked"));
    drop(bob);
    tokio::time::timeout(Duration::from_mins(1), emptied).await.unwrap().unwrap();
}
