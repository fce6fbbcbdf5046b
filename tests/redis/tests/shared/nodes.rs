//! Nodes that die, stand still, and leave.

use std::time::{Duration, Instant};

use redis_tests::{Inside, Process, SECRET, Server};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const MOST: usize = 5;

fn node(server: &Server, lease: &str, beat: &str) -> Process {
    Process::start(NODE, &server.url(), &[lease, beat])
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
    let mut nodes: Vec<_> = (0..3).map(|_| node(&server, "1500", "300")).collect();
    let mut back = Vec::new();
    for round in 0..10 {
        let key = format!("user{round}");
        let mut victim = nodes.remove(0);
        for (process, count) in [(&mut victim, 3), (&mut nodes[0], 2)] {
            (0..count).for_each(|_| assert!(process.take(&key, MOST)));
        }
        assert_eq!(nodes[1].ask(&format!("take {key} {MOST}")), "full");
        victim.kill();
        let start = Instant::now();
        let mut live = 2;
        while live < MOST {
            live += usize::from(nodes[1].take(&key, MOST));
        }
        back.push(start.elapsed());
        assert_eq!(nodes[1].ask(&format!("take {key} {MOST}")), "full", "never over the limit");
        nodes.push(node(&server, "1500", "300"));
    }
    back.sort_unstable();
    println!("lease {lease:?}, beat {beat:?}: back after {:?} to {:?}, median {:?}", back[0], back[9], back[5]);
}

#[tokio::test]
async fn a_node_that_stood_still_for_longer_than_its_lease_says_again_what_it_holds() {
    let server = Server::start();
    let (mut sleeper, mut other) = (node(&server, "1500", "300"), node(&server, "1500", "300"));
    (0..3).for_each(|_| assert!(sleeper.take("alice", MOST)));
    sleeper.stop();
    let mut live = 0;
    while live < MOST {
        live += usize::from(other.take("alice", MOST));
    }
    sleeper.resume();
    // The first thing that it does: it knows already that it must not admit by what it thought it had.
    assert_ne!(sleeper.ask(&format!("take alice {MOST}")), "yes");
    while sleeper.ask("fenced") == "0" || sleeper.ask("health") != "Joined" {
        std::thread::yield_now();
    }
    assert_eq!((sleeper.live(), other.live()), (3, MOST), "over by what it held");
    let name = name(&server, "alice").await;
    assert_eq!(Inside(server.inspect().await).permits(name).await.len(), 3 + MOST);
    assert_eq!(other.ask(&format!("take alice {MOST}")), "full");
}

#[tokio::test]
async fn connections_of_a_node_that_stands_still_make_room_when_it_goes_on() {
    let server = Server::start();
    let (mut sleeper, mut other) = (node(&server, "1500", "300"), node(&server, "1500", "300"));
    (0..MOST).for_each(|_| assert_eq!(sleeper.ask(&format!("evict alice {MOST}")), "yes"));
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
    let mut sleeper = Process::start(NODE, &server.url(), &["1500", "300", "close"]);
    let mut other = node(&server, "1500", "300");
    (0..3).for_each(|_| assert!(sleeper.take("alice", MOST)));
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
    let (mut leaver, mut other) = (node(&server, "3600000", "300"), node(&server, "3600000", "300"));
    (0..MOST).for_each(|_| assert!(leaver.take("alice", MOST)));
    assert_eq!(other.ask(&format!("take alice {MOST}")), "full");
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
    let _held = one.take(&wanted, one.deadline(), |_| {}).await.unwrap();
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
