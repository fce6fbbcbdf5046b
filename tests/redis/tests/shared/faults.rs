//! Faults of all kinds at once, against the truth.
//!
//! Ten seconds of them by default; `PORTCULLIS_FAULTS_SECONDS` says how many.

use std::{
    env,
    sync::{Mutex, MutexGuard, RwLock},
    thread,
    time::{Duration, Instant},
};

use redis_tests::{Inside, Mode, Process, Proxy, SECRET, Server};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const NODES: usize = 6;
const KEYS: usize = 8;
const MOST: usize = 5;
const LEASE: Duration = Duration::from_secs(3);
const BEAT: Duration = Duration::from_millis(300);
/// How long a handshake waits for its answer, so that many are given up.
const DEADLINE: Duration = Duration::from_millis(250);

/// What is really so: a permit counts from when its node says that it has it, until just before the node is told to
/// give it back, or is dead.
#[derive(Default)]
struct Truth {
    nodes: [Held; NODES],
    seen: Seen,
}

/// What a node has.
#[derive(Default)]
struct Held {
    /// The key of each permit, and whether the others may have been given it: the node was cut off, or stood still, for
    /// longer than its lease while it had it.
    permits: Vec<(usize, bool)>,
    /// It may be cut off for longer than its lease.
    suspect: bool,
}

#[derive(Debug, Default)]
struct Seen {
    taken: usize,
    refused: usize,
    away: usize,
    kills: usize,
    stops: usize,
    cuts: usize,
    holds: usize,
    delays: usize,
    long_cuts: usize,
    redis_stopped: usize,
    redis_emptied: usize,
    redis_flushed: usize,
    /// Of a key, of what no other node could have been given.
    most: usize,
    /// Of a key, with what a fenced node had kept.
    most_with_fenced: usize,
    /// By how much a key was over its limit, and how much fenced nodes had of it.
    over: usize,
    over_of: usize,
}

impl Truth {
    /// How many live connections a key has, and how many more that may not be counted.
    fn of(&self, key: usize) -> (usize, usize) {
        let all = self.nodes.iter().flat_map(|node| &node.permits).filter(|(of, _)| *of == key);
        let void = all.clone().filter(|(_, void)| *void).count();
        (all.count() - void, void)
    }

    fn take(&mut self, node: usize, key: usize) {
        let void = self.nodes[node].suspect;
        self.nodes[node].permits.push((key, void));
        let (sure, void) = self.of(key);
        let seen = &mut self.seen;
        seen.taken += 1;
        seen.most = seen.most.max(sure);
        seen.most_with_fenced = seen.most_with_fenced.max(sure + void);
        let over = (sure + void).saturating_sub(MOST);
        if over > seen.over {
            (seen.over, seen.over_of) = (over, void);
        }
    }

    /// The others may be given what it has, from here on.
    fn suspect(&mut self, node: usize) {
        let held = &mut self.nodes[node];
        held.suspect = true;
        held.permits.iter_mut().for_each(|(_, void)| *void = true);
    }
}

/// What all threads share.
struct World<'a> {
    truth: Mutex<Truth>,
    proxies: &'a [Proxy],
    /// Held for reading while a node is cut off, and for writing while the data is lost.
    data: RwLock<()>,
    end: Instant,
}

impl World<'_> {
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
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

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

/// A node, and who keeps count of what it has.
struct Client<'a> {
    world: &'a World<'a>,
    number: usize,
    process: Process,
}

impl<'a> Client<'a> {
    fn start(world: &'a World<'a>, number: usize) -> Self {
        let [lease, beat, deadline] = [LEASE, BEAT, DEADLINE].map(|time| time.as_millis().to_string());
        let process = Process::start(NODE, &world.proxies[number].url(), &[&lease, &beat, "keep", &deadline]);
        Self { world, number, process }
    }

    fn act(mut self, dice: &mut Dice) -> Self {
        let (world, number) = (self.world, self.number);
        match dice.roll(10_000) {
            0..4 => {
                self.process.kill();
                let mut truth = world.truth();
                truth.seen.kills += 1;
                truth.nodes[number] = Held { suspect: truth.nodes[number].suspect, ..Held::default() };
                drop(truth);
                return Self::start(world, number);
            }
            4..12 => {
                world.truth().seen.stops += 1;
                self.process.stop();
                thread::sleep(dice.millis(0, 400));
                self.process.resume();
            }
            12..7000 => {
                let key = usize::try_from(dice.roll(KEYS as u64)).unwrap();
                let answer = self.process.ask(&format!("take key{key} {MOST}"));
                let mut truth = world.truth();
                match answer.as_str() {
                    "yes" => truth.take(number, key),
                    "full" => truth.seen.refused += 1,
                    _ => truth.seen.away += 1,
                }
            }
            // The node gives back the newest. One that is cut off keeps what it has until it is heard again.
            _ => {
                let node = &mut world.truth().nodes[number];
                let had = if node.suspect { None } else { node.permits.pop() };
                if had.is_some() {
                    assert_eq!(self.process.ask("leave"), "yes");
                }
            }
        }
        thread::sleep(dice.millis(0, 4));
        self
    }
}

/// What is between some nodes and Redis goes wrong, now and then.
fn misbehave(world: &World<'_>, nodes: &[usize]) {
    let mut dice = Dice(41 + nodes[0] as u64);
    while Instant::now() + LEASE * 3 < world.end {
        thread::sleep(dice.millis(300, 1500));
        let node = nodes[usize::try_from(dice.roll(nodes.len() as u64)).unwrap()];
        let proxy = &world.proxies[node];
        let _data_stays = world.data.read().unwrap();
        match dice.roll(13) {
            0..5 => {
                world.truth().seen.cuts += 1;
                through(proxy, Mode::Cut, dice.millis(1, 700));
            }
            5..9 => {
                world.truth().seen.holds += 1;
                through(proxy, Mode::Hold, dice.millis(1, 700));
                // What was held back may be cut off then.
                if dice.roll(2) == 0 {
                    through(proxy, Mode::Cut, Duration::from_millis(1));
                }
            }
            9..12 => {
                world.truth().seen.delays += 1;
                through(proxy, Mode::Delay(dice.millis(20, 300)), dice.millis(300, 1500));
            }
            _ => {
                {
                    let mut truth = world.truth();
                    truth.seen.long_cuts += 1;
                    truth.suspect(node);
                }
                through(proxy, Mode::Cut, LEASE + dice.millis(500, 2500));
                // Others may be admitted in its place until it has been heard again.
                thread::sleep(LEASE);
                world.truth().nodes[node].suspect = false;
            }
        }
    }
}

/// Redis stands still, and loses its data. Where all nodes can reach it, it has what they hold before anybody is
/// admitted by it; one that cannot is not waited for.
fn lose(world: &World<'_>, server: &mut Server, flush: impl Fn()) {
    let mut dice = Dice(40);
    while Instant::now() + LEASE * 3 < world.end {
        thread::sleep(dice.millis(2000, 6000));
        match dice.roll(4) {
            0..2 => {
                world.truth().seen.redis_stopped += 1;
                server.stop();
                thread::sleep(Duration::from_millis(700));
                server.resume();
            }
            kind => {
                let _nobody_is_cut_off = world.data.write().unwrap();
                if kind == 2 {
                    world.truth().seen.redis_emptied += 1;
                    server.kill();
                    server.restart();
                } else {
                    world.truth().seen.redis_flushed += 1;
                    flush();
                }
                thread::sleep(BEAT * 5);
            }
        }
    }
}

fn through(proxy: &Proxy, mode: Mode, time: Duration) {
    proxy.set(mode);
    thread::sleep(time);
    proxy.set(Mode::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_all_kinds_at_once_pass_no_limit_and_leak_no_permit() {
    let seconds = env::var("PORTCULLIS_FAULTS_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let mut server = Server::start();
    let mut proxies = Vec::new();
    for _ in 0..NODES {
        proxies.push(Proxy::to(server.port()).await);
    }
    let flushing = redis::Client::open(server.url()).unwrap();
    let flush = || redis::cmd("FLUSHALL").exec(&mut flushing.get_connection().unwrap()).unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let world = World { truth: Mutex::default(), proxies: &proxies, data: RwLock::default(), end };
    let mut clients = thread::scope(|scope| {
        let workers: Vec<_> = (0..NODES)
            .map(|number| {
                let world = &world;
                scope.spawn(move || {
                    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1));
                    let mut client = Client::start(world, number);
                    while !world.is_over() {
                        client = client.act(&mut dice);
                    }
                    client
                })
            })
            .collect();
        for nodes in [[0, 1], [2, 3], [4, 5]] {
            let world = &world;
            scope.spawn(move || misbehave(world, &nodes));
        }
        lose(&world, &mut server, flush);
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    for client in &mut clients {
        while client.process.ask("health") != "Joined" {
            thread::yield_now();
        }
    }
    let (start, live) = (Instant::now(), settle(&server, &world).await);
    let truth = world.truth();
    println!("{seconds} s: {:#?}", truth.seen);
    println!("at the end {live} live, as many in the store, after {:?}; the limit is {MOST}", start.elapsed());
    assert!(truth.seen.most <= MOST, "over the limit");
    assert!(truth.seen.over <= truth.seen.over_of, "over by more than fenced nodes had kept");
    assert!(truth.seen.taken > 0 && truth.seen.refused > 0);
}

/// Waits until the store has what is live, and nothing else. Returns how many those are.
async fn settle(server: &Server, world: &World<'_>) -> usize {
    let names = portcullis_redis::Cluster::connect(server.url()).secret(SECRET).namespace("names");
    let names = names.build().await.unwrap();
    let (mut inside, mut all, start) = (Inside(server.inspect().await), 0, Instant::now());
    for key in 0..KEYS {
        let (sure, void) = world.truth().of(key);
        let live = sure + void;
        loop {
            // What those have who were killed is void, and is swept when the key is found full.
            let mut held = inside.permits(names.name("subject", format!("key{key}"))).await;
            let alive = inside.nodes().await;
            held.retain(|permit| alive.contains(&permit.split(':').next().unwrap().parse().unwrap()));
            if held.len() == live {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{held:?} in the store, {live} live");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        all += live;
    }
    all
}
