//! A Redis Cluster of three processes: slots that move under load, and primaries that are gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use portcullis_redis::{BuildError, Builder, Cluster, Denied, Name, PermitRequest};
use redis::cluster_async::ClusterConnection;
use redis_tests::{Inside, Server, Sharded, builder, joined, until};

use crate::{
    building::{assert_enough, let_in},
    message_verdicts,
    verdicts::{self, Pair},
};

fn settings(store: &Sharded) -> Builder {
    let urls = store.urls();
    builder(&urls[0]).redis_cluster(&urls[1..])
}

async fn pair(store: &Sharded) -> Pair<ClusterConnection> {
    pair_with(store, settings).await
}

async fn pair_with(store: &Sharded, settings: impl Fn(&Sharded) -> Builder) -> Pair<ClusterConnection> {
    let nodes = [joined(settings(store)).await, joined(settings(store)).await];
    Pair { nodes, inside: Inside(store.inspect().await) }
}

/// A name whose keys are on one of the primaries, and their slot.
async fn name_on(store: &Sharded, node: &Cluster, primary: usize) -> (Name, u16) {
    for number in 0_u32.. {
        let name = node.name("subject", number.to_be_bytes());
        let slot = store.slot(&format!("t:1:{{{name}}}:s")).await;
        if Sharded::owner(slot) == primary {
            return (name, slot);
        }
    }
    unreachable!("numbers do not end")
}

async fn fill(nodes: &[Cluster; 2], name: Name, max: usize) -> Vec<portcullis_redis::Permit> {
    let mut held = Vec::new();
    for turn in 0..max {
        let node = &nodes[turn % 2];
        held.push(node.take(&[PermitRequest::new(name, max)], node.deadline(), |_| {}).await.unwrap());
    }
    held
}

/// The primary that knows who lives.
async fn chief(store: &Sharded) -> usize {
    Sharded::owner(store.slot("t:1:{n}:live").await)
}

#[tokio::test]
async fn the_same_verdicts_of_two_nodes_that_share_a_redis_cluster() {
    let store = Sharded::start().await;
    let mut pair = pair(&store).await;
    verdicts::run("Redis Cluster", &mut pair).await;
    message_verdicts::run("Redis Cluster", &pair).await;
}

#[tokio::test]
async fn a_user_with_the_documented_rights_is_enough_in_a_redis_cluster() {
    let store = Sharded::start().await;
    for server in &store.servers {
        let mut inspect = server.inspect().await;
        let_in(&mut inspect).await;
        let mut more = redis::cmd("ACL");
        more.arg("SETUSER").arg("node").arg("+cluster|slots").query_async::<()>(&mut inspect).await.unwrap();
    }
    let urls: Vec<_> = store.urls().iter().map(|url| url.replace("//", "//node:password@")).collect();
    let node = joined(builder(&urls[0]).redis_cluster(&urls[1..])).await;
    for user in 0_u8..20 {
        let wanted = [PermitRequest::new(node.name("subject", [user]), 1)];
        let held = node.take(&wanted, node.deadline(), |_| {}).await.unwrap();
        assert_eq!(node.take(&wanted, node.deadline(), |_| {}).await.unwrap_err(), Denied::Full(0));
        drop(held);
    }
    let beats = node.health().events.beats;
    until(&node, |health| health.events.beats > beats + 2).await;
    for server in &store.servers {
        assert_enough(&mut server.inspect().await).await;
    }
}

#[tokio::test]
async fn one_server_of_a_redis_cluster_is_not_taken_for_the_store() {
    let store = Sharded::start().await;
    let error = builder(&store.urls()[0]).build().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, BuildError::Setting(sentence) if sentence.contains("redis_cluster")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_pass_no_limit_and_leak_no_permit() {
    const MAX: usize = 3;
    let store = Sharded::start().await;
    let Pair { nodes, mut inside } = pair(&store).await;
    let chief = chief(&store).await;
    let (name, slot) = name_on(&store, &nodes[0], (chief + 1) % 3).await;
    let lives = store.slot("t:1:{n}:live").await;
    let (truth, over) = (Arc::new(AtomicUsize::default()), Arc::new(AtomicBool::default()));
    let counts = Arc::new([const { AtomicUsize::new(0) }; 3]);
    let clients: Vec<_> = (0..10)
        .map(|number| {
            let (node, truth, over, counts) = (nodes[number % 2].clone(), truth.clone(), over.clone(), counts.clone());
            tokio::spawn(async move {
                let mut slowest = Duration::ZERO;
                while !over.load(Ordering::SeqCst) {
                    let start = Instant::now();
                    let taken = node.take(&[PermitRequest::new(name, MAX)], node.deadline(), |_| {}).await;
                    slowest = slowest.max(start.elapsed());
                    let which = match &taken {
                        Ok(_) => 0,
                        Err(Denied::Full(_)) => 1,
                        Err(_) => 2,
                    };
                    counts[which].fetch_add(1, Ordering::SeqCst);
                    if let Ok(permit) = taken {
                        assert!(truth.fetch_add(1, Ordering::SeqCst) < MAX, "over the limit");
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        truth.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                slowest
            })
        })
        .collect();
    for _ in 0..5 {
        store.move_slot(slot, (chief + 1) % 3, (chief + 2) % 3).await;
        store.move_slot(lives, chief, (chief + 1) % 3).await;
        let beats = nodes[0].health().events.beats;
        until(&nodes[0], |health| health.events.beats > beats + 2).await;
        store.move_slot(lives, (chief + 1) % 3, chief).await;
        store.move_slot(slot, (chief + 2) % 3, (chief + 1) % 3).await;
    }
    over.store(true, Ordering::SeqCst);
    let mut slowest = Duration::ZERO;
    for client in clients {
        slowest = slowest.max(client.await.unwrap());
    }
    while !inside.permits(name).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let [taken, full, away] = counts.each_ref().map(|count| count.load(Ordering::SeqCst));
    println!("20 slots moved: {taken} taken, {full} refused, {away} away; slowest {slowest:?}");
    for node in &nodes {
        assert_eq!((node.health().events.fenced, node.health().events.data_lost), (0, 0));
    }
    assert!(taken > 0 && full > 0);
}

#[tokio::test]
async fn a_primary_that_is_killed_is_replaced_and_admits_nobody_beyond_the_limit() {
    let mut store = Sharded::start().await;
    // However long the replica takes to take over, no node is taken for dead.
    let Pair { nodes, .. } = pair_with(&store, |store| settings(store).lease(Duration::from_secs(60 * 60))).await;
    let chief = chief(&store).await;
    store.add_replica(chief).await;
    // What is known of the nodes and of the key is on the one that is killed.
    let (name, _) = name_on(&store, &nodes[0], chief).await;
    let held = fill(&nodes, name, 5).await;
    Server::replicated(&mut store.servers[chief].inspect().await).await;
    store.servers[chief].kill();
    let (start, mut away) = (Instant::now(), 0);
    let wanted = [PermitRequest::new(name, 5)];
    for node in &nodes {
        loop {
            match node.take(&wanted, node.deadline(), |_| {}).await {
                Ok(_) => panic!("over the limit"),
                Err(Denied::Full(_)) => break,
                Err(_) => away += 1,
            }
            tokio::task::yield_now().await;
        }
    }
    println!("decides again {:?} after a primary was killed; {away} were away until then", start.elapsed());
    drop(held);
    for node in &nodes {
        assert_eq!(node.health().events.fenced, 0);
        let taken = crate::contract::eventually(async || node.take(&wanted, node.deadline(), |_| {}).await).await;
        assert!(taken.is_ok());
    }
}

#[tokio::test]
async fn a_primary_that_begins_anew_without_its_data_is_told_what_is_held() {
    let mut store = Sharded::start().await;
    let Pair { nodes, mut inside } = pair(&store).await;
    let victim = (chief(&store).await + 1) % 3;
    let (name, _) = name_on(&store, &nodes[0], victim).await;
    let _held = fill(&nodes, name, 5).await;
    let said = nodes.each_ref().map(|node| node.health().events.said);
    store.servers[victim].kill();
    store.servers[victim].restart();
    let start = Instant::now();
    for (node, said) in nodes.iter().zip(said) {
        until(node, |health| health.events.said > said && health.is_ready()).await;
    }
    println!("told again {:?} after a primary began anew without its data", start.elapsed());
    assert_eq!(inside.permits(name).await.len(), 5);
    for node in &nodes {
        let taken = node.take(&[PermitRequest::new(name, 5)], node.deadline(), |_| {}).await;
        assert_eq!(taken.unwrap_err(), Denied::Full(0));
    }
}
