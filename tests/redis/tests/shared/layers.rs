//! Layers on several nodes, from the handshake to the close frame.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_core::{
    CloseCode, Connection,
    identity::{ClientIp, NoSubject, Subject},
    testing::{Client, Handshake},
};
use portcullis_redis::{Cluster, ClusterState, PermitRequest, WhenAway};
use redis_tests::{Inside, Mode, Proxy, Server, builder, joined, until};
use tokio::{io::AsyncReadExt, time::Instant};
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::{contract::eventually, outages::asked};

/// Upgrades whoever comes, and reads until the end. A client that sends `x-first-message` is called so once it is in.
fn upgrade(mut request: Request<Incoming>) -> Upgraded {
    let name = request.headers().get("x-first-message").map(|name| name.to_str().unwrap().to_owned());
    let connection = request.extensions().get::<Connection>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        if let (Some(name), Some(connection)) = (name, connection) {
            connection.authenticate(&Subject::new(name)).unwrap();
        }
        let _ = TokioIo::new(upgraded).read_to_end(&mut Vec::new()).await;
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
    ready(Ok(response.body(String::new()).unwrap()))
}

/// Why a client is not let in: kind, status, and how long it is told to wait.
pub(crate) type Refused = (&'static str, u16, Option<u64>);

pub(crate) async fn connect<L>(layer: &L, subject: &str) -> Result<Client, Refused>
where
    L: Layer<tower::util::ServiceFn<fn(Request<Incoming>) -> Upgraded>>,
    L::Service: Service<Request<Incoming>, Response = Response<String>, Error = Infallible> + Clone + Send + 'static,
    <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
{
    connect_from(layer, subject, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))).await
}

pub(crate) async fn connect_from<L>(layer: &L, subject: &str, address: IpAddr) -> Result<Client, Refused>
where
    L: Layer<tower::util::ServiceFn<fn(Request<Incoming>) -> Upgraded>>,
    L::Service: Service<Request<Incoming>, Response = Response<String>, Error = Infallible> + Clone + Send + 'static,
    <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
{
    let service = layer.layer(service_fn(upgrade as fn(_) -> Upgraded));
    let handshake = Handshake::new("/").extension(ClientIp(address));
    let handshake = match subject.strip_prefix("first message: ") {
        Some(name) => handshake.header("x-first-message", name).extension(NoSubject::Awaited),
        None => handshake.extension(Subject::new(subject)),
    };
    handshake.connect(service).await.map_err(|error| {
        let refusal = error.refusal().unwrap_or_else(|| panic!("{error}"));
        (refusal.kind().as_str(), refusal.status().as_u16(), refusal.retry_after().map(|wait| wait.as_secs()))
    })
}

pub(crate) type Upgraded = Ready<Result<Response<String>, Infallible>>;

async fn nodes(server: &Server) -> [Cluster; 2] {
    let nodes = [joined(builder(&server.url())).await, joined(builder(&server.url())).await];
    for node in &nodes {
        until(node, |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    }
    nodes
}

pub(crate) const UNAVAILABLE: Refused = ("limits_unavailable", 503, Some(1));
pub(crate) const FULL: Refused = ("too_many_connections", 429, Some(5));
const SERVER_FULL: Refused = ("server_full", 503, Some(5));

#[tokio::test]
async fn connections_of_a_user_are_limited_on_all_nodes_until_they_end() {
    let server = Server::start();
    let layers = nodes(&server).await.map(|node| ConnectionLimitLayer::new().per_subject(2).shared(&node));
    let first = connect(&layers[0], "alice").await.unwrap();
    let _second = connect(&layers[1], "alice").await.unwrap();
    for layer in &layers {
        assert_eq!(connect(layer, "alice").await.err(), Some(FULL));
        assert!(connect(layer, "bob").await.is_ok());
    }
    drop(first);
    assert!(eventually(async || connect(&layers[1], "alice").await).await.is_ok());
}

#[tokio::test]
async fn the_oldest_connection_of_a_user_is_closed_with_1008_on_the_other_node() {
    let server = Server::start();
    let (limit, nodes, mut inside) =
        (Limit::new(1).evict_oldest(), nodes(&server).await, Inside(server.inspect().await));
    let name = nodes[0].name("subject", Subject::new("alice").to_bytes());
    let layers = nodes.map(|node| ConnectionLimitLayer::new().per_subject(limit).shared(&node));
    let mut oldest = connect(&layers[0], "alice").await.unwrap();
    // The store is told after the client, and counts from then on who is older.
    while inside.permits(name).await.is_empty() {
        tokio::task::yield_now().await;
    }
    for turn in 1..=5 {
        let newest = connect(&layers[turn % 2], "alice").await.unwrap();
        let frame = oldest.closed().await.unwrap();
        assert_eq!(
            (frame.code(), frame.reason()),
            (Some(CloseCode::POLICY_VIOLATION), "replaced by a newer connection")
        );
        oldest = newest;
    }
}

#[tokio::test]
async fn a_service_is_full_on_all_nodes_at_once() {
    let server = Server::start();
    let layers = nodes(&server).await.map(|node| ConnectionLimitLayer::new().global(6).shared(&node));
    let mut clients = Vec::new();
    for turn in 0..6 {
        clients.push(connect(&layers[turn % 2], "somebody").await.unwrap());
    }
    for layer in &layers {
        assert_eq!(connect(layer, "somebody").await.err(), Some(SERVER_FULL));
    }
    clients.clear();
    for _ in 0..6 {
        clients.push(eventually(async || connect(&layers[0], "somebody").await).await.unwrap());
    }
    assert_eq!(connect(&layers[1], "somebody").await.err(), Some(SERVER_FULL));
}

#[tokio::test]
async fn a_user_who_says_who_he_is_with_his_first_message_is_limited_on_all_nodes() {
    let server = Server::start();
    let layers = nodes(&server).await.map(|node| ConnectionLimitLayer::new().per_subject(1).shared(&node));
    let _first = connect(&layers[0], "alice").await.unwrap();
    let mut second = connect(&layers[1], "first message: alice").await.unwrap();
    let frame = second.closed().await.unwrap();
    assert_eq!((frame.code(), frame.reason()), (Some(CloseCode::POLICY_VIOLATION), "too many connections"));
    let _bob = connect(&layers[0], "first message: bob").await.unwrap();
    assert_eq!(eventually(async || connect(&layers[1], "bob").await.err().ok_or("not yet")).await, Ok(FULL));
}

#[tokio::test]
async fn a_user_who_says_late_who_he_is_has_a_share_of_the_limit_while_the_store_is_away() {
    let mut server = Server::start();
    let [node, _other] = nodes(&server).await;
    server.kill();
    until(&node, |health| health.state == ClusterState::Away).await;
    let layer = ConnectionLimitLayer::new().per_subject(4).shared(&node);
    let mut clients = [connect(&layer, "alice").await.unwrap(), connect(&layer, "first message: alice").await.unwrap()];
    let mut third = connect(&layer, "first message: alice").await.unwrap();
    assert_eq!(third.closed().await.unwrap().reason(), "too many connections");
    assert!(clients.iter_mut().all(|client| client.closed().now_or_never().is_none()));

    let evicting = ConnectionLimitLayer::new().per_subject(Limit::new(4).evict_oldest()).shared(&node);
    let mut oldest = connect(&evicting, "first message: bob").await.unwrap();
    let mut newer = [connect(&evicting, "first message: bob").await.unwrap()];
    assert!(oldest.closed().now_or_never().is_none());
    let _newest = connect(&evicting, "first message: bob").await.unwrap();
    assert_eq!(oldest.closed().await.unwrap().reason(), "replaced by a newer connection");
    assert!(newer[0].closed().now_or_never().is_none());
}

#[tokio::test]
async fn handshakes_of_a_client_are_counted_on_all_nodes() {
    let server = Server::start();
    let rate = || HandshakeRateLayer::new(portcullis_quota::Quota::per_hour(1.try_into().unwrap()));
    let layers = nodes(&server).await.map(|node| rate().burst(10).per_client_ip().shared(&node));
    let mut admitted = 0;
    for turn in 0..20 {
        match connect(&layers[turn % 2], "alice").await {
            Ok(_) => admitted += 1,
            Err((kind, status, wait)) => {
                assert_eq!((kind, status), ("handshake_rate", 429));
                assert!(wait.is_some_and(|wait| wait > 3000));
            }
        }
    }
    assert_eq!(admitted, 10);
}

#[tokio::test]
async fn layers_of_different_scopes_do_not_count_together() {
    let server = Server::start();
    let [node, _] = nodes(&server).await;
    let limit = |node: &Cluster| ConnectionLimitLayer::new().per_subject(1).shared(node);
    let (chat, admin) = (limit(&node), limit(&node.scope("admin")));
    let _chat = connect(&chat, "alice").await.unwrap();
    let _admin = connect(&admin, "alice").await.unwrap();
    assert_eq!(connect(&limit(&node), "alice").await.err(), Some(FULL));
}

#[tokio::test]
async fn each_word_for_away_is_what_each_layer_does() {
    let mut server = Server::start();
    let [node, _other] = nodes(&server).await;
    server.kill();
    until(&node, |health| health.state == ClusterState::Away).await;
    for (word, connections, handshakes) in [
        (WhenAway::Refuse, (0, UNAVAILABLE), (0, ("limits_unavailable", 503))),
        (WhenAway::Share, (3, FULL), (5, ("handshake_rate", 429))),
        (WhenAway::Alone, (5, FULL), (10, ("handshake_rate", 429))),
    ] {
        let node = node.when_away(word);
        let limit = ConnectionLimitLayer::new().per_subject(5).shared(&node);
        let evicting = ConnectionLimitLayer::new().per_subject(Limit::new(5).evict_oldest()).shared(&node);
        let global = ConnectionLimitLayer::new().global(5).shared(&node);
        let full = if word == WhenAway::Refuse { UNAVAILABLE } else { SERVER_FULL };
        for (layer, refused) in [(limit, connections.1), (global, full)] {
            let mut clients = Vec::new();
            let refusal = loop {
                match connect(&layer, "alice").await {
                    Ok(client) => clients.push(client),
                    Err(refusal) => break refusal,
                }
            };
            assert_eq!((clients.len(), refusal), (connections.0, refused), "{word:?}");
        }
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.extend(connect(&evicting, "alice").await);
        }
        let replaced = clients.len().saturating_sub(connections.0);
        for client in &mut clients[..replaced] {
            assert_eq!(client.closed().await.unwrap().reason(), "replaced by a newer connection", "{word:?}");
        }
        let live = clients.len() - replaced;
        assert_eq!(live, connections.0, "{word:?}, where the oldest makes room");
        for client in &mut clients[replaced..] {
            assert!(client.closed().now_or_never().is_none());
        }
        let rate = HandshakeRateLayer::new(portcullis_quota::Quota::per_hour(1.try_into().unwrap()));
        let rate = rate.burst(10).per_subject().shared(&node);
        let mut admitted = 0;
        let (kind, status, _) = loop {
            match connect(&rate, "alice").await {
                Ok(_) => admitted += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!((admitted, (kind, status)), handshakes, "{word:?}");
    }
}

#[tokio::test]
async fn a_handshake_through_many_layers_waits_for_one_deadline() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let deadline = Duration::from_millis(100);
    let node = joined(builder(&proxy.url()).deadline(deadline)).await;
    let stack = ServiceBuilder::new()
        .layer(HandshakeRateLayer::per_second(1000).shared(&node))
        .layer(HandshakeRateLayer::per_second(1000).per_client_ip().shared(&node))
        .layer(ConnectionLimitLayer::new().global(1000).shared(&node))
        .layer(ConnectionLimitLayer::new().per_subject(5).shared(&node));
    assert!(connect(&stack, "alice").await.is_ok());
    // Where a machine is busy, that handshake may have waited in vain, and none would wait now.
    node.ready().await;
    proxy.set(Mode::Hold);
    tokio::time::pause();
    let start = Instant::now();
    let _kept = connect(&stack, "alice").await.unwrap();
    let waited = start.elapsed();
    // A timer of tokio's is a millisecond late at most.
    assert!(waited >= deadline && waited <= deadline + Duration::from_millis(1), "{waited:?}");
}

#[tokio::test]
async fn a_client_that_leaves_while_its_handshake_waits_leaks_nothing() {
    let server = Server::start();
    let proxy = Proxy::recording(server.port()).await;
    let (node, mut inside) = (joined(builder(&proxy.url())).await, Inside(server.inspect().await));
    let layer = ConnectionLimitLayer::new().per_subject(1).shared(&node);
    let name = node.name("subject", Subject::new("alice").to_bytes());
    // From here on the server knows the script, and carries out a question that names it.
    let another = [PermitRequest::new(node.name("subject", "another"), 1)];
    drop(node.take(&another, node.deadline(), |_| {}).await.unwrap());
    proxy.set(Mode::Hold);
    {
        let mut connecting = std::pin::pin!(connect(&layer, "alice"));
        while asked(&proxy, name) == 0 {
            tokio::select! {
                _ = &mut connecting => panic!("nothing is answered"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    proxy.set(Mode::Pass);
    let health = until(&node, |health| health.events.given_up > 0).await;
    until(&node, |now| now.events.taken_back == health.events.given_up).await;
    assert_eq!(layer.live(), 0);
    assert!(inside.permits(name).await.is_empty());
    assert!(eventually(async || connect(&layer, "alice").await).await.is_ok());
}
