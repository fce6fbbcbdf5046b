//! Messages of one quota, in two processes.

use std::{
    thread,
    time::{Duration, Instant},
};

use redis_tests::{Process, Server};

use crate::quotas::{BURST, RATE, worst};

const NODE: &str = env!("CARGO_BIN_EXE_node");

/// A node that limits messages by `rate,burst,block`, and waits for its server longer than the test lasts.
fn node(server: &Server, messages: &str) -> Process {
    Process::start(NODE, &server.url(), &["5000", "200", "keep", "5000", "10000", messages])
}

#[tokio::test]
async fn a_flood_over_two_processes_is_within_the_quota_and_two_blocks_a_process_in_every_window() {
    const COUNT: usize = 20;
    let (server, time) = (Server::start(), Duration::from_secs(2));
    for block in [1_u32, 20, 100] {
        let terms = format!("{RATE},{BURST},{block}");
        let mut nodes = [node(&server, &terms), node(&server, &terms)];
        let start = Instant::now();
        let flood = |node: &mut Process| {
            let (mut passed, mut batches) = (Vec::new(), 0);
            loop {
                let asked = Instant::now();
                // Where a machine is slow, a quota has to be used up all the same.
                if asked >= start + time && passed.len() > BURST as usize / 2 {
                    return (passed, batches);
                }
                // Each was asked for after the batch was, and passed before it was answered.
                let count: usize = node.ask(&format!("flood by{block} {COUNT}")).parse().unwrap();
                passed.extend(std::iter::repeat_n((asked, Instant::now()), count));
                batches += 1;
            }
        };
        let [one, other] = thread::scope(|scope| {
            let floods = nodes.each_mut().map(|node| scope.spawn(|| flood(node)));
            floods.map(|flood| flood.join().unwrap())
        });
        let mut admitted = [one.0, other.0].concat();
        admitted.sort_unstable();
        let (most, worst) = (f64::from(2 * 2 * block), worst(&admitted));
        let (sent, quota) = ((one.1 + other.1) * COUNT, f64::from(BURST) + f64::from(RATE) * time.as_secs_f64());
        println!(
            "blocks of {block}: {} of {sent} passed, quota {quota}; worst window {worst:.0} over, bound {most}",
            admitted.len()
        );
        assert!(worst <= most, "blocks of {block}: {worst} over, and {most} may be");
        assert!(admitted.len() > BURST as usize, "blocks of {block}: {}", admitted.len());
    }
}

/// A client that sends 0.9 of its rate, to one process or to both in turn.
#[tokio::test]
async fn a_client_within_its_rate_is_never_refused_by_two_processes() {
    const RATE: u32 = 100;
    let server = Server::start();
    for block in [4, 20] {
        let terms = format!("{RATE},{RATE},{block}");
        let mut nodes = [node(&server, &terms), node(&server, &terms)];
        for (name, turns) in [("one", [0, 0]), ("both", [0, 1])] {
            let mut next = Instant::now();
            for sent in 0..200 {
                thread::sleep(next.saturating_duration_since(Instant::now()));
                assert_eq!(nodes[turns[sent % 2]].ask(&format!("send {name}{block}")), "passed", "{name}: {sent}");
                // Never faster, also where the machine was late.
                next = next.max(Instant::now()) + Duration::from_secs(1) * 10 / 9 / RATE;
            }
        }
    }
}
