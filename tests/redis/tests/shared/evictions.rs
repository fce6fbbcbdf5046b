//! The oldest makes room, on whichever node it is.

use std::sync::{Arc, Mutex};

use portcullis_redis::{Cluster, Gone, Name, Permit, PermitRequest};
use redis::AsyncCommands;
use redis_tests::{Inside, Server, builder, joined, until};

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
