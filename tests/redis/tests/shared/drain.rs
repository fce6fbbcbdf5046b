//! A server that stops: what it shares with others is theirs before its lease is over.

use std::time::Duration;

use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_liveness::Drain;
use portcullis_redis::{ClusterState, PermitRequest, WhenAway};
use redis_tests::{Inside, Server, builder, joined, until};

use crate::{
    contract::eventually,
    layers::{FULL, UNAVAILABLE, connect},
};

/// Longer than any test waits.
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_new_node_admits_without_waiting_for_the_lease_of_one_that_drained() {
    let server = Server::start();
    let settings = || builder(&server.url()).lease(HOUR);
    let (old, mut inside) = (joined(settings()).await, Inside(server.inspect().await));
    let layer = ConnectionLimitLayer::new().global(32).per_subject(1).shared(&old);
    let drain = Drain::new().window(Duration::ZERO).quiet(Duration::ZERO).cluster(&old);
    let stack = tower::ServiceBuilder::new().layer(drain.layer()).layer(layer);
    let mut alice = connect(&stack, "alice").await.unwrap();
    let (pool, incarnation) = (old.name("server", []), inside.nodes().await[0]);
    assert!(inside.allotted(pool).await > 1, "more than it uses");
    let new = joined(settings()).await;
    let layer = ConnectionLimitLayer::new().global(32).per_subject(1).shared(&new);
    assert_eq!(connect(&layer, "alice").await.err(), Some(FULL));

    let drained = drain.start();
    assert_eq!(old.health().state, ClusterState::Draining);
    until(&new, |health| health.nodes.is_some_and(|nodes| nodes.get() == 1)).await;
    assert_eq!(inside.nodes().await.len(), 2, "it lives: its connections count until they are gone");
    while inside.allotment(pool, incarnation).await > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connect(&layer, "alice").await.err(), Some(FULL), "not before she is gone");
    let (drained, frame) = tokio::join!(drained, alice.closed());
    assert_eq!((drained.closed, frame.unwrap().reason()), (1, "service restarts"));
    assert!(eventually(async || connect(&layer, "alice").await).await.is_ok());
    assert_eq!((old.health().state, inside.nodes().await.len()), (ClusterState::Left, 1));
}

#[tokio::test]
async fn a_node_that_drains_takes_nothing_whatever_it_does_while_the_store_is_away() {
    let server = Server::start();
    let node = joined(builder(&server.url()).when_away(WhenAway::Alone)).await;
    let limit = ConnectionLimitLayer::new().per_subject(5).shared(&node);
    let rate = HandshakeRateLayer::per_second(5).shared(&node);
    let _before = connect(&limit, "alice").await.unwrap();
    node.drain();
    assert_eq!(connect(&limit, "alice").await.err(), Some(UNAVAILABLE));
    assert_eq!(connect(&rate, "alice").await.err(), Some(UNAVAILABLE));
}

#[tokio::test]
async fn what_connections_of_a_draining_node_leave_is_free_while_others_live_on() {
    let server = Server::start();
    let settings = || builder(&server.url()).lease(HOUR);
    let (old, new) = (joined(settings()).await, joined(settings()).await);
    let [alice, bob] = ["alice", "bob"].map(|user| [PermitRequest::new(old.name("subject", user), 1)]);
    let first = old.take(&alice, old.deadline(), |_| {}).await.unwrap();
    let _second = old.take(&bob, old.deadline(), |_| {}).await.unwrap();
    old.drain();
    drop(first);
    let take = async || new.take(&alice, new.deadline(), |_| {}).await;
    assert!(eventually(take).await.is_ok());
    assert!(new.take(&bob, new.deadline(), |_| {}).await.is_err());
    let beats = old.health().events.beats;
    until(&old, |health| health.events.beats > beats + 2).await;
    assert!(new.take(&bob, new.deadline(), |_| {}).await.is_err(), "it renews its lease");
}
