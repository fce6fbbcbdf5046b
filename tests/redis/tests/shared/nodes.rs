//! Nodes that die, stand still, and leave.

use std::time::{Duration, Instant};

use redis_tests::{Inside, Process, SECRET, Server};

use crate::contract::eventually;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const MOST: usize = 5;

/// A node whose lease ends in a moment, if the test or a busy machine makes it stand still.
fn node(server: &Server) -> Process {
    Process::start(NODE, &server.url(), &["1500", "300"])
}

/// A node that is never taken for dead, however busy the machine is.
fn survivor(server: &Server) -> Process {
    Process::start(NODE, &server.url(), &["3600000", "300"])
}

/// The answer to a take that was decided: a node that waits for its next beat, or until others have reported what they
/// hold, says `away`.
fn decided(node: &mut Process, take: &str) -> String {
    loop {
        match node.ask(take).as_str() {
            "away" => std::thread::yield_now(),
            answer => return answer.to_owned(),
        }
    }
}

/// Takes a number of permits of a key, for which there is room.
fn fill(node: &mut Process, key: &str, count: usize) {
    (0..count).for_each(|_| assert_eq!(decided(node, &format!("take {key} {MOST}")), "yes"));
}

/// Whether the lease of a node has ever run out. Asked in this order, neither hides the other.
fn has_lapsed(node: &mut Process) -> bool {
    node.ask("health") != "Joined" || node.ask("fenced") != "0"
}

/// The name of a key, as the nodes have it.
async fn name(server: &Server, key: &str) -> portcullis_redis::Name {
    let cluster = portcullis_redis::Cluster::connect(server.url()).secret(SECRET).namespace("other").build().await;
    cluster.unwrap().name("subject", key)
}

#[tokio::test]
async fn permits_of_a_node_that_was_killed_are_back_within_its_lease_and_a_beat() {
    let (lease, beat) = (Duration::from_millis(1500), Duration::from_millis(300));
    let server = Server::start();
    let (mut holder, mut taker) = (survivor(&server), survivor(&server));
    let mut back = Vec::new();
    for round in 0..10 {
        let (key, mut victim) = (format!("user{round}"), node(&server));
        let take = format!("take {key} {MOST}");
        fill(&mut victim, &key, 3);
        fill(&mut holder, &key, 2);
        let mut live = 2;
        if decided(&mut taker, &take) == "yes" {
            assert!(has_lapsed(&mut victim), "over the limit");
            live += 1;
        }
        victim.kill();
        let start = Instant::now();
        while live < MOST {
            live += usize::from(taker.take(&key, MOST));
        }
        back.push(start.elapsed());
        assert_eq!(decided(&mut taker, &take), "full", "never over the limit");
    }
    back.sort_unstable();
    println!("lease {lease:?}, beat {beat:?}: back after {:?} to {:?}, median {:?}", back[0], back[9], back[5]);
}

#[tokio::test]
async fn a_node_that_stood_still_for_longer_than_its_lease_says_again_what_it_holds() {
    let server = Server::start();
    let (mut sleeper, mut other) = (node(&server), survivor(&server));
    fill(&mut sleeper, "alice", 3);
    let fenced = sleeper.ask("fenced");
    sleeper.stop();
    let mut live = 0;
    while live < MOST {
        live += usize::from(other.take("alice", MOST));
    }
    sleeper.resume();
    // The first thing that it does: it knows already that it must not admit by what it thought it had.
    assert_ne!(sleeper.ask(&format!("take alice {MOST}")), "yes");
    while sleeper.ask("fenced") == fenced || sleeper.ask("health") != "Joined" {
        std::thread::yield_now();
    }
    assert_eq!((sleeper.live(), other.live()), (3, MOST), "over by what it held");
    let (name, mut inside) = (name(&server, "alice").await, Inside(server.inspect().await));
    while live_permits(&mut inside, name).await != 3 + MOST {
        std::thread::yield_now();
    }
    assert_eq!(decided(&mut other, &format!("take alice {MOST}")), "full");
}

/// How many permits of a key belong to nodes that live. What others had is swept where the key is found full.
async fn live_permits(inside: &mut Inside, name: portcullis_redis::Name) -> usize {
    let (permits, alive) = (inside.permits(name).await, inside.nodes().await);
    let of_alive = |permit: &&String| alive.contains(&permit.split(':').next().unwrap().parse().unwrap());
    permits.iter().filter(of_alive).count()
}

#[tokio::test]
async fn connections_of_a_node_that_stands_still_make_room_when_it_goes_on() {
    let server = Server::start();
    let (mut sleeper, mut other) = (node(&server), survivor(&server));
    (0..MOST).for_each(|_| assert_eq!(decided(&mut sleeper, &format!("evict alice {MOST}")), "yes"));
    sleeper.stop();
    for _ in 0..MOST {
        while other.ask(&format!("evict alice {MOST}")) != "yes" {}
    }
    sleeper.resume();
    while sleeper.live() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(other.live(), MOST);
}

#[tokio::test]
async fn a_node_that_is_to_close_has_closed_before_it_admits_anybody() {
    let server = Server::start();
    // What it holds is closed whenever its lease ends, so a busy machine must not end that.
    let mut sleeper = Process::start(NODE, &server.url(), &["5000", "300", "close"]);
    let mut other = survivor(&server);
    fill(&mut sleeper, "alice", 3);
    sleeper.stop();
    let mut live = 0;
    while live < MOST {
        live += usize::from(other.take("alice", MOST));
    }
    sleeper.resume();
    let start = Instant::now();
    while sleeper.ask("take bob 1") != "yes" {
        std::thread::yield_now();
    }
    println!("admits {:?} after it went on", start.elapsed());
    assert_eq!(sleeper.ask("fenced"), "1");
    assert_eq!(sleeper.live(), 1, "the three of alice's are closed");
    let name = name(&server, "alice").await;
    assert_eq!(Inside(server.inspect().await).permits(name).await.len(), MOST);
}

#[tokio::test]
async fn nobody_waits_for_the_lease_of_a_node_that_left() {
    let server = Server::start();
    // Nobody would wait an hour for a lease.
    let (mut leaver, mut other) = (survivor(&server), survivor(&server));
    fill(&mut leaver, "alice", MOST);
    assert_eq!(decided(&mut other, &format!("take alice {MOST}")), "full");
    assert_eq!(leaver.ask("depart"), "yes");
    let start = Instant::now();
    let mut live = 0;
    while live < MOST {
        live += usize::from(other.take("alice", MOST));
    }
    println!("back after {:?}", start.elapsed());
    assert_eq!(leaver.ask("take alice 5"), "away");
}

#[tokio::test]
async fn leases_stand_still_while_the_server_does() {
    let server = Server::start();
    let lease = Duration::from_millis(1500);
    let settings = || redis_tests::builder(&server.url()).lease(lease).beat(lease / 5);
    let (one, other) = (redis_tests::joined(settings()).await, redis_tests::joined(settings()).await);
    let wanted = [portcullis_redis::PermitRequest::new(one.name("subject", "alice"), 1)];
    let _held = eventually(async || one.take(&wanted, one.deadline(), |_| {}).await).await.unwrap();
    server.stop();
    // By their own clocks, their leases are over.
    for cluster in [&one, &other] {
        while cluster.health().state != portcullis_redis::ClusterState::Away {
            tokio::time::sleep(lease / 10).await;
        }
    }
    // And by the server's, which counted from when it was told.
    tokio::time::sleep(lease).await;
    server.resume();
    for cluster in [&one, &other] {
        cluster.ready().await;
        assert_eq!(cluster.health().events.fenced, 0);
    }
    assert!(other.take(&wanted, other.deadline(), |_| {}).await.is_err());
}
