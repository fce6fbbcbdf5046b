//! Redis is gone, comes back, and has lost what it knew.

use std::time::{Duration, Instant};

use portcullis_redis::{Cluster, ClusterState, Denied, Gone, Name, OnFenced, Permit, PermitRequest, WhenAway};
use redis_tests::{Inside, Mode, Proxy, Server, builder, joined, until};

async fn take(cluster: &Cluster, name: Name, most: usize) -> Result<Permit, Denied> {
    cluster.take(&[PermitRequest::new(name, most)], cluster.deadline(), |_| {}).await
}

async fn fill(cluster: &Cluster, name: Name, most: usize, count: usize) -> Vec<Permit> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(take(cluster, name, most).await.unwrap());
    }
    held
}

#[tokio::test]
async fn a_server_that_begins_anew_without_data_admits_nobody_beyond_the_limit() {
    let mut server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let name = one.name("subject", "alice");
    let _held = [fill(&one, name, 5, 3).await, fill(&other, name, 5, 2).await];
    for round in 1..=3 {
        server.kill();
        for cluster in [&one, &other] {
            until(cluster, |health| health.state == ClusterState::Away).await;
        }
        server.restart();
        let start = Instant::now();
        // From the first moment on, as long as it takes: nobody is admitted.
        let mut ready = false;
        while !ready {
            ready = one.health().is_ready() && other.health().is_ready();
            for cluster in [&one, &other] {
                assert!(take(cluster, name, 5).await.is_err(), "over the limit");
            }
            tokio::task::yield_now().await;
        }
        println!("admits after {:?}", start.elapsed());
        for cluster in [&one, &other] {
            assert_eq!(take(cluster, name, 5).await.unwrap_err(), Denied::Full(0));
            assert_eq!((cluster.health().events.data_lost, cluster.health().events.fenced), (round, 0));
        }
        assert_eq!(Inside(server.inspect().await).permits(name).await.len(), 5);
    }
}

#[tokio::test]
async fn data_that_is_flushed_is_said_again_at_the_next_beat() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    let (name, pool) = (one.name("subject", "alice"), one.name("pool", "global"));
    let _held = [fill(&one, name, 5, 3).await, fill(&other, name, 5, 2).await];
    let _place = one.take(&[PermitRequest::of_pool(pool, 1)], one.deadline(), |_| {}).await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    for cluster in [&one, &other] {
        until(cluster, |health| health.events.data_lost == 1).await;
        cluster.ready().await;
    }
    for cluster in [&one, &other] {
        assert_eq!(take(cluster, name, 5).await.unwrap_err(), Denied::Full(0));
        let place = cluster.take(&[PermitRequest::of_pool(pool, 1)], cluster.deadline(), |_| {}).await;
        assert_eq!(place.unwrap_err(), Denied::Full(0));
    }
    assert_eq!((inside.permits(name).await.len(), inside.allotted(pool).await), (5, 1));
}

/// Between when the data is flushed and when a beat says so.
#[tokio::test]
async fn data_that_was_flushed_admits_nobody_before_it_is_said_again() {
    let server = Server::start();
    let settings = || builder(&server.url()).beat(Duration::from_secs(1));
    let (one, other) = (joined(settings()).await, joined(settings()).await);
    let mut inside = Inside(server.inspect().await);
    let names: Vec<_> = (0..50_u8).map(|key| one.name("subject", [key])).collect();
    let wanted = |name| [PermitRequest::new(name, 1), PermitRequest::of_pool(name, 1)];
    let mut held = Vec::new();
    for name in &names {
        held.push(one.take(&wanted(*name), one.deadline(), |_| {}).await.unwrap());
    }
    // A beat may find it out before the answer is here.
    let lost = other.health().events.data_lost;
    redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    for name in &names {
        for wanted in wanted(*name) {
            assert!(other.take(&[wanted], other.deadline(), |_| {}).await.is_err(), "over the limit");
        }
    }
    until(&other, |health| health.events.data_lost > lost).await;
    other.ready().await;
    for name in names {
        assert_eq!(take(&other, name, 1).await.unwrap_err(), Denied::Full(0));
    }
}

/// A node with so many keys that it says them for longer than its lease.
#[tokio::test]
async fn nobody_is_admitted_before_a_node_with_many_connections_has_said_them_all_and_it_keeps_its_lease() {
    const KEYS: u32 = 3000;
    let server = Server::start();
    let (beat, lease) = (Duration::from_millis(300), Duration::from_secs(4));
    let proxy = Proxy::to(server.port()).await;
    let slow = joined(builder(&proxy.url()).beat(beat).lease(lease)).await;
    let quick = joined(builder(&server.url()).beat(beat).lease(lease)).await;
    let names: Vec<_> = (0..KEYS).map(|key| slow.name("subject", key.to_be_bytes())).collect();
    let held: Vec<_> = names.iter().map(|name| slow.keep(&[PermitRequest::new(*name, 1)], |_| {})).collect();
    until(&slow, |health| health.events.said >= KEYS.into() && health.is_ready()).await;
    proxy.set(Mode::Delay(Duration::from_millis(80)));
    let mut inside = Inside(server.inspect().await);
    redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    until(&quick, |health| health.events.data_lost == 1).await;
    let start = Instant::now();
    quick.ready().await;
    println!("{KEYS} keys are said after {:?}", start.elapsed());
    assert!(start.elapsed() > lease, "the test shows nothing");
    for name in &names {
        assert_eq!(inside.permits(*name).await.len(), 1);
    }
    assert_eq!(slow.health().events.fenced, 0);
    drop(held);
}

#[tokio::test]
async fn connections_that_were_admitted_while_the_store_was_away_count_when_it_is_back() {
    let mut server = Server::start();
    let cluster = joined(builder(&server.url()).when_away(WhenAway::Alone)).await;
    let [name, evicting, pool] = ["a", "b", "c"].map(|key| cluster.name("subject", key));
    server.kill();
    until(&cluster, |health| health.state == ClusterState::Away).await;
    let wanted =
        [PermitRequest::new(name, 1), PermitRequest::new(evicting, 1).evict_oldest(), PermitRequest::of_pool(pool, 1)];
    assert!(matches!(cluster.take(&wanted, cluster.deadline(), |_| {}).await, Err(Denied::Away(_))));
    let kept = cluster.keep(&wanted, |_| {});
    assert!(!kept.settle(cluster.deadline()).await, "the store cannot be told");
    server.restart();
    cluster.ready().await;
    assert_eq!(take(&cluster, name, 1).await.unwrap_err(), Denied::Full(0));
    let place = cluster.take(&[PermitRequest::of_pool(pool, 1)], cluster.deadline(), |_| {}).await;
    assert_eq!(place.unwrap_err(), Denied::Full(0));
    let mut inside = Inside(server.inspect().await);
    assert_eq!(inside.permits(evicting).await.len(), 1);
    drop(kept);
    let mut gone = async || {
        while !inside.permits(name).await.is_empty() || !inside.permits(evicting).await.is_empty() {
            tokio::task::yield_now().await;
        }
        while inside.allotted(pool).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    gone().await;
}

#[tokio::test]
async fn the_order_in_which_connections_came_outlives_the_data() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    let wanted = [PermitRequest::new(one.name("subject", "alice"), 2).evict_oldest()];
    let (gone, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut held = Vec::new();
    for (number, cluster) in [&other, &one].into_iter().enumerate() {
        let gone = gone.clone();
        let permit = cluster.take(&wanted, cluster.deadline(), move |_| gone.send(number).unwrap()).await.unwrap();
        assert!(permit.settle(cluster.deadline()).await);
        held.push(permit);
        // Two times of the server that differ.
        let beats = one.health().events.beats;
        until(&one, |health| health.events.beats > beats).await;
    }
    redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    for cluster in [&one, &other] {
        until(cluster, |health| health.events.data_lost == 1 && health.is_ready()).await;
    }
    let newest = one.take(&wanted, one.deadline(), |_| {}).await.unwrap();
    assert!(newest.settle(one.deadline()).await);
    assert_eq!(told.recv().await, Some(0));
}

#[tokio::test]
async fn a_permit_that_leaked_is_gone_when_what_is_held_is_said() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let (cluster, mut inside) = (joined(builder(&proxy.url())).await, Inside(server.inspect().await));
    let name = cluster.name("subject", "alice");
    // A number that no permit has any longer.
    drop(take(&cluster, name, 2).await.unwrap());
    let _held = take(&cluster, name, 2).await.unwrap();
    let leaked = format!("{}:1", inside.nodes().await[0]);
    let score = redis::cmd("ZADD").arg(format!("t:1:{{{name}}}:s")).arg(1).arg(&leaked).to_owned();
    while !inside.permits(name).await.contains(&leaked) || inside.permits(name).await.len() != 2 {
        score.query_async::<()>(&mut inside.0).await.unwrap();
    }
    proxy.set(Mode::Cut);
    until(&cluster, |health| health.state == ClusterState::Away).await;
    proxy.set(Mode::Pass);
    until(&cluster, |health| health.events.connections == 2 && health.is_ready()).await;
    assert_eq!(inside.permits(name).await.len(), 1);
}

/// A limit on the whole service counts places, not permits. Its connections are closed all the same.
#[tokio::test]
async fn a_node_that_is_to_close_closes_what_has_places_of_a_pool_alone() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let lease = Duration::from_secs(1);
    let sleeper = joined(builder(&proxy.url()).lease(lease).on_fenced(OnFenced::Close)).await;
    let other = joined(builder(&server.url()).lease(lease)).await;
    let (name, pool) = (other.name("subject", "alice"), other.name("pool", "global"));
    let (gone, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut held = Vec::new();
    for wanted in [
        vec![PermitRequest::of_pool(pool, 9)],
        vec![PermitRequest::of_pool(pool, 9), PermitRequest::new(name, 9)],
        vec![PermitRequest::new(name, 9)],
    ] {
        let (gone, number) = (gone.clone(), held.len());
        let close = move |why| gone.send((number, why)).unwrap();
        held.push(sleeper.take(&wanted, sleeper.deadline(), close).await.unwrap());
    }
    let close = |_| panic!("it was given up before");
    drop(sleeper.take(&[PermitRequest::of_pool(pool, 9)], sleeper.deadline(), close).await.unwrap());
    proxy.set(Mode::Hold);
    until(&other, |health| health.nodes.is_some_and(|nodes| nodes.get() == 1)).await;
    proxy.set(Mode::Pass);
    until(&sleeper, |health| health.events.fenced == 1 && health.is_ready()).await;
    let mut all: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    all.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(all, [0, 1, 2].map(|number| (number, Gone::Fenced)));
}

/// A node whose connections ended while the store was away: giving back must not hold up its beats.
#[tokio::test]
async fn a_node_with_much_to_give_back_keeps_its_lease() {
    const KEYS: u32 = 6000;
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let (slow, other) = (joined(builder(&proxy.url())).await, joined(builder(&server.url())).await);
    let names: Vec<_> = (0..KEYS).map(|key| slow.name("subject", key.to_be_bytes())).collect();
    let held: Vec<_> = names.iter().map(|name| slow.keep(&[PermitRequest::new(*name, 1)], |_| {})).collect();
    until(&slow, |health| health.events.said >= KEYS.into() && health.is_ready()).await;
    proxy.set(Mode::Cut);
    until(&slow, |health| health.state == ClusterState::Away).await;
    drop(held);
    proxy.set(Mode::Delay(Duration::from_millis(150)));
    let mut inside = Inside(server.inspect().await);
    for name in &names {
        while !inside.permits(*name).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // Whether it has lost its lease is known at its next beat.
    let beats = slow.health().events.beats;
    let health = until(&slow, |health| health.events.fenced > 0 || health.events.beats > beats).await;
    assert_eq!(health.events.fenced, 0);
    drop(other);
}

/// Which data answers is asked behind a question. The server does not know the script, so it is asked once more, and
/// its data is lost in between.
#[tokio::test]
async fn data_that_was_lost_while_a_script_was_loaded_admits_nobody() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    // No beat comes in between.
    let settings = |url: &str| builder(url).beat(Duration::from_secs(2)).lease(Duration::from_secs(10));
    let (one, other) = tokio::join!(joined(settings(&proxy.url())), joined(settings(&server.url())));
    let (name, mut inside) = (one.name("subject", "alice"), Inside(server.inspect().await));
    let _held = take(&other, name, 1).await.unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut inside.0).await.unwrap();
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(&mut inside.0).await.unwrap();
    let beats = one.health().events.beats;
    until(&one, |health| health.events.beats > beats).await;
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(&mut inside.0).await.unwrap();
    proxy.set(Mode::Delay(Duration::from_millis(300)));
    let lose = async {
        let unknown = async |inside: &mut Inside| {
            let about: String = redis::cmd("INFO").arg("errorstats").query_async(&mut inside.0).await.unwrap();
            about.contains("errorstat_NOSCRIPT")
        };
        while !unknown(&mut inside).await {}
        redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    };
    let (answer, ()) = tokio::join!(take(&one, name, 1), lose);
    assert!(answer.is_err(), "over the limit");
}

/// It leaves while it connects anew. What it then finds must not make it join once more.
#[tokio::test]
async fn a_node_that_has_left_does_not_join_again() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let (leaves, stays) = (joined(builder(&proxy.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    proxy.set(Mode::Cut);
    until(&leaves, |health| health.state == ClusterState::Away).await;
    proxy.set(Mode::Hold);
    let heard = proxy.heard();
    while proxy.heard() == heard {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    leaves.leave().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut inside.0).await.unwrap();
    proxy.set(Mode::Pass);
    let beats = stays.health().events.beats;
    until(&stays, |health| health.events.beats > beats + 5).await;
    assert_eq!(inside.nodes().await.len(), 1);
    assert_eq!((leaves.health().state, leaves.health().events.fenced), (ClusterState::Left, 0));
}
