//! The oldest makes room, on whichever node it is.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_redis::{Cluster, Denied, Gone, Name, Permit, PermitRequest};
use redis::AsyncCommands;
use redis_tests::{Inside, Server, builder, joined, until};

use crate::building::let_in;

/// Admits a connection that makes room for itself. What is told to close is written down.
async fn admit(cluster: &Cluster, name: Name, most: usize, closed: &Arc<Mutex<Vec<u32>>>, number: u32) -> Permit {
    let (wanted, closed) = ([PermitRequest::new(name, most).evict_oldest()], closed.clone());
    let close = move |why| {
        assert_eq!(why, Gone::Replaced);
        closed.lock().unwrap().push(number);
    };
    let permit = cluster.take(&wanted, cluster.deadline(), close).await.unwrap();
    assert!(permit.settle(cluster.deadline()).await);
    permit
}

#[tokio::test]
async fn the_oldest_is_told_to_close_on_the_other_node() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let _first = admit(&one, name, 2, &closed, 1).await;
    let second = admit(&other, name, 2, &closed, 2).await;
    let start = std::time::Instant::now();
    let _third = admit(&other, name, 2, &closed, 3).await;
    until(&one, |health| health.events.evicted == 1).await;
    println!("told after {:?}", start.elapsed());
    assert_eq!(*closed.lock().unwrap(), [1]);
    let _fourth = admit(&one, name, 2, &closed, 4).await;
    until(&other, |health| health.events.evicted == 1).await;
    assert_eq!(*closed.lock().unwrap(), [1, 2]);
    drop(second);
    let mut inside = Inside(server.inspect().await);
    while inside.closing(name).await.len() != 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(inside.permits(name).await.len(), 2);
}

/// Two may come within a millisecond, and the server's clock may be set back: neither makes the newcomer the oldest.
#[tokio::test]
async fn of_two_that_come_at_once_the_second_is_newer() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let mut inside = Inside(server.inspect().await);
    let _first = admit(&other, name, 1, &closed, 1).await;
    let member = inside.permits(name).await.remove(0);
    let _: u64 = inside.0.zadd(format!("t:1:{{{name}}}:s"), &member, 1_u64 << 42).await.unwrap();
    let _second = admit(&one, name, 1, &closed, 2).await;
    until(&other, |health| health.events.evicted == 1).await;
    assert_eq!(*closed.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_handshake_that_fails_costs_nobody_its_connection() {
    let server = Server::start();
    let (one, mut inside) = (joined(builder(&server.url())).await, Inside(server.inspect().await));
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let _first = admit(&one, name, 1, &closed, 1).await;
    let wanted = [PermitRequest::new(name, 1).evict_oldest()];
    drop(one.take(&wanted, one.deadline(), |_| {}).await.unwrap());
    let beats = one.health().events.beats;
    until(&one, |health| health.events.beats >= beats + 2).await;
    assert!(closed.lock().unwrap().is_empty());
    assert_eq!(inside.permits(name).await.len(), 1);
}

#[tokio::test]
async fn a_connection_whose_messenger_died_is_told_by_the_next_one() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let mut inside = Inside(server.inspect().await);
    let _first = admit(&one, name, 1, &closed, 1).await;
    // As if somebody had moved it, and died before the message was sent.
    let member = inside.permits(name).await.remove(0);
    let _: u64 = inside.0.zrem(format!("t:1:{{{name}}}:s"), &member).await.unwrap();
    let _: u64 = inside.0.zadd(format!("t:1:{{{name}}}:c"), &member, 1).await.unwrap();
    let _second = admit(&other, name, 1, &closed, 2).await;
    until(&one, |health| health.events.evicted == 1).await;
    assert_eq!(*closed.lock().unwrap(), [1]);
}

/// The store has the newest connection, and fails to evict the oldest. It does so as soon as it can.
#[tokio::test]
async fn an_eviction_that_failed_is_made_up_for_at_the_next_beat() {
    let server = Server::start();
    let mut inside = Inside(server.inspect().await);
    let_in(&mut inside.0).await;
    let one = joined(builder(&format!("redis://node:password@{}", server.address()))).await;
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let _first = admit(&one, name, 1, &closed, 1).await;
    let rights = |right: &str| redis::cmd("ACL").arg("SETUSER").arg("node").arg(right).to_owned();
    rights("-zpopmin").query_async::<()>(&mut inside.0).await.unwrap();
    let wanted = [PermitRequest::new(name, 1).evict_oldest()];
    let second = one.take(&wanted, one.deadline(), |_| {}).await.unwrap();
    assert!(!second.settle(one.deadline()).await, "the oldest was not evicted");
    assert_eq!(inside.permits(name).await.len(), 2);
    rights("+zpopmin").query_async::<()>(&mut inside.0).await.unwrap();
    let beats = one.health().events.beats;
    until(&one, |health| health.events.beats > beats + 2).await;
    assert_eq!((inside.permits(name).await.len(), &*closed.lock().unwrap()), (1, &vec![1]));
}

#[tokio::test]
async fn a_connection_that_makes_room_in_two_keys_is_told_once() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let wanted = ["subject", "room"].map(|kind| PermitRequest::new(one.name(kind, "7"), 1).evict_oldest());
    let (told, tells) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tell = tells.clone();
    let first = one.take(&wanted, one.deadline(), move |_| _ = tell.fetch_add(1, Ordering::SeqCst)).await.unwrap();
    assert!(first.settle(one.deadline()).await);
    let tell = told.clone();
    let second = other.take(&wanted, other.deadline(), move |_| _ = tell.fetch_add(1, Ordering::SeqCst)).await.unwrap();
    assert!(second.settle(other.deadline()).await);
    until(&one, |health| health.events.evicted == 2).await;
    assert_eq!((tells.load(Ordering::SeqCst), told.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn connections_of_a_node_that_died_are_not_told_again() {
    let server = Server::start();
    let lease = Duration::from_secs(1);
    let settings = || builder(&server.url()).lease(lease);
    let (one, other) = (joined(settings()).await, joined(settings()).await);
    let (name, closed) = (one.name("subject", "alice"), Arc::default());
    let mut inside = Inside(server.inspect().await);
    let first = admit(&one, name, 1, &closed, 1).await;
    let _second = admit(&other, name, 1, &closed, 2).await;
    until(&one, |health| health.events.evicted == 1).await;
    // It dies before its connection has closed.
    let [dead] = &inside.closing(name).await[..] else { panic!("one has to close") };
    let (incarnation, dead) = (dead.split_once(':').unwrap().0.to_owned(), dead.clone());
    std::mem::forget(first);
    drop(one);
    until(&other, |health| health.nodes.is_some_and(|nodes| nodes.get() == 1)).await;
    let inbox = format!("t:1:{{i{incarnation}}}:in");
    let _: u64 = inside.0.del(&inbox).await.unwrap();
    let _: u64 = inside.0.zadd(format!("t:1:{{{name}}}:c"), &dead, 1).await.unwrap();
    let _third = admit(&other, name, 1, &closed, 3).await;
    let beats = other.health().events.beats;
    until(&other, |health| health.events.beats > beats + 3).await;
    assert!(!inside.closing(name).await.contains(&dead), "it is to be told for as long as the key lives");
    assert!(!inside.0.exists::<_, bool>(&inbox).await.unwrap(), "an inbox that nobody reads");
}

/// Other software has written into the namespace. It may take places, and must not make the node count as cut off.
#[tokio::test]
async fn what_no_node_has_written_is_passed_over() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    let [full, evicting, pool] = ["full", "evicting", "pool"].map(|kind| one.name(kind, "7"));
    let permits = |name| format!("t:1:{{{name}}}:s");
    for strange in [&b"strange"[..], b"\xff:1", b"x:1"] {
        let _: u64 = inside.0.zadd(permits(full), strange, 1).await.unwrap();
        let _: u64 = inside.0.zadd(permits(evicting), strange, 1).await.unwrap();
        let _: u64 = inside.0.zadd("t:1:{n}:live", strange, 1_u64 << 52).await.unwrap();
        let _: u64 = inside.0.hset(format!("t:1:{{{pool}}}:a"), strange, 1).await.unwrap();
    }
    let _: u64 = inside.0.hset(format!("t:1:{{{pool}}}:a"), "no number", "x").await.unwrap();
    let take = async |wanted| one.take(&[wanted], one.deadline(), |_| {}).await;
    assert_eq!(take(PermitRequest::new(full, 3)).await.unwrap_err(), Denied::Full(0));
    assert_eq!(take(PermitRequest::of_pool(pool, 3)).await.unwrap_err(), Denied::Full(0));
    let closed = Arc::default();
    let _first = admit(&one, evicting, 1, &closed, 1).await;
    assert_eq!(inside.permits(evicting).await.len(), 1);
    // Into the inbox of a node, before the message that it is to make room.
    let nodes: Vec<Vec<u8>> = inside.0.zrange("t:1:{n}:live", 0, -1).await.unwrap();
    for node in nodes.iter().filter_map(|node| std::str::from_utf8(node).ok()?.parse::<u64>().ok()) {
        let _: String = inside.0.xadd(format!("t:1:{{i{node}}}:in"), "*", &[(b"\xff", b"x")]).await.unwrap();
    }
    let _second = admit(&other, evicting, 1, &closed, 2).await;
    let told = async {
        while closed.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("the oldest is not told");
    let beats = one.health().events.beats;
    let health = until(&one, |health| health.events.beats > beats + 1).await;
    assert_eq!((health.events.missed, health.events.refused), (0, 0));
}
