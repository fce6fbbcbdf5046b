//! Sentinels put a replica in the place of a primary that is killed, or cut off.

use std::time::{Duration, Instant};

use portcullis_redis::{Cluster, ClusterState, Denied, Permit, PermitRequest};
use redis::aio::MultiplexedConnection;
use redis_tests::{Certificate, Inside, Mode, Proxy, Server, Watched, builder, joined, until};

const MAX: usize = 5;

/// However long the replica takes to take over, no node is taken for dead.
const FOREVER: Duration = Duration::from_secs(60 * 60);

async fn take(node: &Cluster) -> Result<Permit, Denied> {
    node.take(&[PermitRequest::new(node.name("subject", "alice"), MAX)], node.deadline(), |_| {}).await
}

#[tokio::test]
async fn a_primary_that_is_killed_is_replaced_and_admits_nobody_beyond_the_limit() {
    let primary = Server::start();
    let port = primary.port();
    let store = Watched::start(primary, port).await;
    let settings = || builder("redis://mymaster").sentinels(store.urls()).lease(FOREVER);
    let nodes = [joined(settings()).await, joined(settings()).await];
    replaced(store, nodes, async |server| server.inspect().await).await;
}

#[tokio::test]
async fn over_tls_a_primary_that_is_killed_is_replaced_and_admits_nobody_beyond_the_limit() {
    let certificate = Certificate::new();
    let root = certificate.root.clone();
    let store = Watched::start_with_tls(certificate).await;
    // The client crate gives each connection to a sentinel a second, which a busy machine may not have for several TLS
    // handshakes at once: one sentinel has to do, and is asked again for however long that takes.
    let one = &store.urls()[..1];
    let settings = || builder("rediss://mymaster").sentinels(one).root_certificate(root.clone());
    let settings = || settings().lazy().lease(FOREVER);
    let nodes = [settings().build().await.unwrap(), settings().build().await.unwrap()];
    for node in &nodes {
        node.ready().await;
    }
    replaced(store, nodes, async |server| server.inspect_over_tls(&root).await).await;
}

async fn replaced(mut store: Watched, nodes: [Cluster; 2], inspect: impl AsyncFn(&Server) -> MultiplexedConnection) {
    let mut held = Vec::new();
    for turn in 0..MAX {
        held.push(take(&nodes[turn % 2]).await.unwrap());
    }
    Server::replicated(&mut inspect(&store.primary).await).await;
    store.primary.kill();
    let (start, mut away) = (Instant::now(), 0);
    for node in &nodes {
        loop {
            match take(node).await {
                Ok(_) => panic!("over the limit"),
                Err(Denied::Full(_)) => break,
                Err(_) => away += 1,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    println!("decides again {:?} after the primary was killed; {away} were away until then", start.elapsed());
    let mut inside = Inside(inspect(&store.replica).await);
    assert_eq!(inside.permits(nodes[0].name("subject", "alice")).await.len(), MAX);
    for node in &nodes {
        assert_eq!(node.health().events.fenced, 0);
    }
}

/// A node beside the primary, and one beside the sentinels and the replica: both sides grant, for a while.
#[tokio::test]
async fn a_primary_that_is_cut_off_stops_granting_and_both_sides_grant_one_limit_each_at_most() {
    let primary = Server::with(&["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]);
    let proxy = Proxy::to(primary.port()).await;
    let store = Watched::start(primary, proxy.port()).await;
    let beside = builder("redis://mymaster").sentinels(store.urls()).deadline(Duration::from_millis(500));
    let (cut_off, other) = (joined(builder(&store.primary.url())).await, joined(beside).await);
    // Nobody is told that a connection is gone.
    proxy.set(Mode::Hold);
    let start = Instant::now();
    let mut held = Vec::new();
    while cut_off.health().state == ClusterState::Joined {
        held.extend(take(&cut_off).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("the primary that was cut off stops granting after {:?}, with {} granted", start.elapsed(), held.len());
    assert!(held.len() <= MAX);
    until(&other, |health| health.events.connections > 1 && health.is_ready()).await;
    println!("the other side grants again after {:?}", start.elapsed());
    let mut others = Vec::new();
    while let Ok(permit) = take(&other).await {
        others.push(permit);
    }
    assert!(held.len() + others.len() <= 2 * MAX, "over by more than a limit");
    assert!(!others.is_empty());
}
