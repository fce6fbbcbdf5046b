//! Faults of all kinds at once, against the truth.
//!
//! Ten seconds of them by default; `PORTCULLIS_FAULTS_SECONDS` says how many.

use std::{
    env,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use redis_tests::{Inside, Process, SECRET, Server};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const NODES: usize = 6;
const KEYS: usize = 8;
const MOST: usize = 5;
/// In ms.
const LEASE: &str = "2000";
const BEAT: &str = "200";

/// What is really so: a permit counts from when its node says that it has it, until just before the node is told to
/// give it back, or is dead.
#[derive(Default)]
struct Truth {
    live: [AtomicUsize; KEYS],
    most: AtomicUsize,
    taken: AtomicUsize,
    refused: AtomicUsize,
    away: AtomicUsize,
    kills: AtomicUsize,
    stops: AtomicUsize,
    over: AtomicBool,
}

/// A node, and the keys of its permits.
struct Client {
    process: Process,
    held: Vec<usize>,
}

/// xorshift: the same faults in each run, as far as the machine lets them be.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn start(server: &str) -> Client {
    Client { process: Process::start(NODE, server, &[LEASE, BEAT]), held: Vec::new() }
}

impl Client {
    fn act(mut self, truth: &Truth, dice: &mut Dice, server: &str) -> Self {
        match dice.roll(1000) {
            0..2 => {
                truth.kills.fetch_add(1, Ordering::SeqCst);
                self.process.kill();
                for key in self.held {
                    truth.live[key].fetch_sub(1, Ordering::SeqCst);
                }
                return start(server);
            }
            2..4 => {
                truth.stops.fetch_add(1, Ordering::SeqCst);
                self.process.stop();
                thread::sleep(Duration::from_millis(dice.roll(500)));
                self.process.resume();
            }
            4..600 => {
                let key = usize::try_from(dice.roll(KEYS as u64)).unwrap();
                match self.process.ask(&format!("take key{key} {MOST}")).as_str() {
                    "yes" => {
                        let live = truth.live[key].fetch_add(1, Ordering::SeqCst) + 1;
                        truth.most.fetch_max(live, Ordering::SeqCst);
                        if live > MOST {
                            truth.over.store(true, Ordering::SeqCst);
                        }
                        self.held.push(key);
                        &truth.taken
                    }
                    "full" => &truth.refused,
                    _ => &truth.away,
                }
                .fetch_add(1, Ordering::SeqCst);
            }
            _ => {
                // The node gives back the newest.
                if let Some(key) = self.held.pop() {
                    truth.live[key].fetch_sub(1, Ordering::SeqCst);
                    assert_eq!(self.process.ask("leave"), "yes");
                }
            }
        }
        thread::sleep(Duration::from_millis(dice.roll(4)));
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_all_kinds_at_once_pass_no_limit_and_leak_no_permit() {
    let seconds = env::var("PORTCULLIS_FAULTS_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let mut server = Server::start();
    let url = server.url();
    let (truth, end) = (Truth::default(), Instant::now() + Duration::from_secs(seconds));
    let mut outages = [0; 2];
    let mut clients = thread::scope(|scope| {
        let workers: Vec<_> = (0..NODES)
            .map(|number| {
                let (truth, url) = (&truth, &url);
                scope.spawn(move || {
                    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1));
                    let mut client = start(url);
                    while Instant::now() < end {
                        client = client.act(truth, &mut dice, url);
                    }
                    client
                })
            })
            .collect();
        let mut dice = Dice(42);
        while Instant::now() + Duration::from_secs(2) < end {
            thread::sleep(Duration::from_millis(1000 + dice.roll(3000)));
            // A node that is being started needs a server that answers: none is, for so long.
            if dice.roll(3) == 0 {
                server.kill();
                server.restart();
                outages[1] += 1;
            } else {
                server.stop();
                thread::sleep(Duration::from_millis(700));
                server.resume();
                outages[0] += 1;
            }
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let name = portcullis_redis::Cluster::connect(&url).secret(SECRET).namespace("names").build().await.unwrap();
    let mut inside = Inside(server.inspect().await);
    for client in &mut clients {
        while client.process.ask("health") != "Joined" {
            thread::yield_now();
        }
    }
    let start = Instant::now();
    for key in 0..KEYS {
        // What those have who were killed is void, and is swept by whoever finds the key full.
        let live = loop {
            let (mut held, alive) =
                (inside.permits(name.name("subject", format!("key{key}"))).await, inside.nodes().await);
            held.retain(|permit| alive.contains(&permit.split(':').next().unwrap().parse().unwrap()));
            let live = truth.live[key].load(Ordering::SeqCst);
            if held.len() == live {
                break live;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{held:?} in the store, {live} live");
            thread::sleep(Duration::from_millis(100));
        };
        assert!(live <= MOST);
    }
    let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    println!(
        "{seconds} s: {} taken, {} refused, {} away; {} nodes killed, {} stopped; Redis stopped {} and emptied {} times; \
         at most {} of {MOST}; settled after {:?}",
        count(&truth.taken),
        count(&truth.refused),
        count(&truth.away),
        count(&truth.kills),
        count(&truth.stops),
        outages[0],
        outages[1],
        count(&truth.most),
        start.elapsed(),
    );
    assert!(!truth.over.load(Ordering::SeqCst), "over the limit");
    assert!(count(&truth.taken) > 0 && count(&truth.refused) > 0);
}
