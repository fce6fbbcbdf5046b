//! What 100 nodes with 100,000 connections each ask of one server, as load on the scripts.
//!
//! `cargo test --release -p redis-tests --test shared -- --ignored --nocapture scale::`. Times are the server's own CPU
//! time, which does not count waiting: a busy machine changes little of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use redis::{Cmd, aio::MultiplexedConnection};
use redis_tests::{Process, Server, Site, builder, joined};

/// As many connections of the load's own, each with commands one behind the other.
const CONNECTIONS: usize = 8;
/// Commands that are sent together.
const TOGETHER: usize = 32;

/// Each kind of command is sent so often.
const PERMITS: u64 = 50_000;

const NODES: u64 = 100;
const CONNECTIONS_OF_A_NODE: u64 = 100_000;
/// How long a connection lives.
const LIFE: u64 = 60 * 60;
/// How often each node says everything.
const REFRESH: u64 = 20 * 60;

const TAKE: &str = include_str!("../../../../crates/redis/src/scripts/take.lua");
const SAY: &str = include_str!("../../../../crates/redis/src/scripts/say.lua");
const CHARGE: &str = include_str!("../../../../crates/redis/src/scripts/charge.lua");
const ALLOT: &str = include_str!("../../../../crates/redis/src/scripts/allot.lua");
const BEAT: &str = include_str!("../../../../crates/redis/src/scripts/beat.lua");

/// A script that the server knows.
struct Script(String);

impl Script {
    async fn load(text: &str, connection: &mut MultiplexedConnection) -> Self {
        Self(redis::cmd("SCRIPT").arg("LOAD").arg(text).query_async(connection).await.unwrap())
    }

    fn call(&self, keys: &[String], arguments: &[String]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.0).arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

/// Key and member of a permit: ten connections of each subject.
fn permits(number: u64) -> String {
    format!("s:1:{{{:032x}}}:s", u128::from(number / 10).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn member(number: u64) -> String {
    format!("{}:{number}", 1_700_000_000_000 + number % NODES)
}

fn text(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(ToString::to_string).collect()
}

struct Load<'a> {
    server: &'a Server,
    connections: Vec<MultiplexedConnection>,
}

struct Cost {
    count: u64,
    /// The server's CPU time, in µs an operation.
    cpu: f64,
    seconds: f64,
}

impl Load<'_> {
    /// Sends as many commands, and says what each costs the server.
    async fn run(&self, count: u64, command: impl Fn(u64) -> Cmd + Copy + Send + Sync) -> Cost {
        let (before, start) = (cpu(self.server.pid()), Instant::now());
        let senders = self.connections.iter().enumerate().map(|(at, connection)| {
            let mut connection = connection.clone();
            async move {
                let mine: Vec<u64> = (at as u64..count).step_by(CONNECTIONS).collect();
                for together in mine.chunks(TOGETHER) {
                    let mut pipeline = redis::pipe();
                    for number in together {
                        pipeline.add_command(command(*number)).ignore();
                    }
                    pipeline.query_async::<()>(&mut connection).await.unwrap();
                }
            }
        });
        futures_util::future::join_all(senders).await;
        let (seconds, used) = (start.elapsed().as_secs_f64(), cpu(self.server.pid()) - before);
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
        let count_as_float = count as f64;
        Cost { count, cpu: used * 1e6 / count_as_float, seconds }
    }

    async fn memory(&self) -> u64 {
        let mut connection = self.connections[0].clone();
        let about: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await.unwrap();
        let used = about.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        used.trim().parse().unwrap()
    }
}

/// CPU time of a process, in seconds.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u32>().unwrap();
    // Linux has counted in hundredths of a second on every machine for twenty years.
    f64::from(ticks(11) + ticks(12)) / 100.0
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn print(what: &str, cost: &Cost) {
    let Cost { count, cpu, seconds } = cost;
    println!("{what:44} {count:9} in {seconds:6.1} s, {cpu:6.1} µs of the server each");
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn the_scripts_under_the_load_of_100_nodes() {
    let server = Server::start();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(server.inspect().await);
    }
    let mut admin = server.inspect().await;
    let [take, say, charge, allot, beat] = [TAKE, SAY, CHARGE, ALLOT, BEAT];
    let (take, say) = (Script::load(take, &mut admin).await, Script::load(say, &mut admin).await);
    let (charge, allot) = (Script::load(charge, &mut admin).await, Script::load(allot, &mut admin).await);
    let beat = Script::load(beat, &mut admin).await;
    let (take, say, charge, allot, beat) = (&take, &say, &charge, &allot, &beat);
    let load = Load { server: &server, connections };
    let hour = 3_600_000_u64;

    let empty = load.memory().await;
    let taking = move |number| {
        let arguments = [member(number), String::from("20"), hour.to_string()];
        take.call(&[permits(number)], &arguments)
    };
    let taken = load.run(PERMITS, taking).await;
    let permits_memory = load.memory().await - empty;
    let which = |_| {
        let mut which = redis::cmd("HGET");
        which.arg("s:1:{n}:meta").arg("boot");
        which
    };
    let known = load.run(PERMITS, which).await;
    let before = load.memory().await;
    let charging =
        move |number: u64| charge.call(&[format!("s:1:{{{number:032x}}}:h")], &text(&[60_000_000, 300_000_000]));
    let charged = load.run(PERMITS, charging).await;
    let rates_memory = load.memory().await - before;
    let releasing = |number| {
        let mut release = redis::cmd("ZREM");
        release.arg(permits(number)).arg(member(number));
        release
    };
    let saying = move |number: u64| {
        let of = 1_700_000_000_000 + number % NODES;
        say.call(
            &[permits(number), permits(number) + "c"],
            &text(&[of, hour, 1 << 40, 0])
                .into_iter()
                .chain([number.to_string(), String::from("s1700000000000")])
                .collect::<Vec<_>>(),
        )
    };
    let said = load.run(PERMITS, saying).await;
    let released = load.run(PERMITS, releasing).await;
    let again = load.run(PERMITS, releasing).await;
    let beating = move |number: u64| {
        // Each with an incarnation of its own at first, as if it had just been given one.
        let keys = ["s:1:{n}:live", "s:1:{n}:meta", "s:1:{n}:marks"].map(String::from);
        let incarnation = u64::from(number >= NODES);
        beat.call(
            &keys,
            &[
                incarnation.to_string(),
                String::from("3600000"),
                String::from("n"),
                String::from("n"),
                String::from("0"),
            ],
        )
    };
    load.run(NODES, beating).await;
    let beats = load.run(5000, beating).await;
    let growing = move |number: u64| {
        let by = if number < NODES { 10 } else { 0 };
        allot.call(&[String::from("s:1:{p}:a")], &text(&[number % NODES, by, 1_000_000, hour]))
    };
    load.run(NODES, growing).await;
    let grown = load.run(5000, growing).await;

    println!("one server, {CONNECTIONS} connections, {TOGETHER} commands together:");
    for (what, cost) in [
        ("a permit is taken", &taken),
        ("which data it is, behind each take", &known),
        ("a handshake is charged", &charged),
        ("a permit is said again", &said),
        ("a permit is given back", &released),
        ("and is not among those that must close", &again),
        ("a beat, 100 nodes", &beats),
        ("an allotment, 100 nodes", &grown),
    ] {
        print(what, cost);
    }
    println!("memory: {} bytes a permit (ten a key), {} a rate", permits_memory / PERMITS, rates_memory / PERMITS);

    // The sum.
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
    let [connections, life, refresh, nodes] = [NODES * CONNECTIONS_OF_A_NODE, LIFE, REFRESH, NODES].map(|n| n as f64);
    let handshake = charged.cpu + taken.cpu + known.cpu + released.cpu + again.cpu;
    let (handshakes, refreshes) = (connections / life, connections / refresh);
    let rest = (handshakes * handshake + refreshes * said.cpu + nodes * beats.cpu) / 1e6;
    let operations = handshakes * 5.0 + refreshes + nodes;
    println!("{handshakes:.0} handshakes/s, {operations:.0} operations/s: {rest:.2} of a core at rest");
    println!("whole handshakes that one core takes: {:.0}/s", 1e6 / handshake);
    println!("everybody reconnects within a minute: {:.1} cores", connections / 60.0 * handshake / 1e6);
    println!("all is said again after a restart: {:.0} s of one core", connections * said.cpu / 1e6);
    println!("memory: {} GB of permits", NODES * CONNECTIONS_OF_A_NODE * (permits_memory / PERMITS) / 1_000_000_000);
}

/// Of a node that heard of them one by one, and of one that came later and read them all.
#[tokio::test]
#[ignore = "takes a minute"]
async fn the_memory_of_a_node_s_copy_of_20_000_revocations() {
    const REVOCATIONS: u64 = 20_000;
    let server = Server::start();
    let start = || {
        Process::start(env!("CARGO_BIN_EXE_node"), &server.url(), &["10000", "1000", "keep", "5000", "30000", "1,1,1"])
    };
    let revoker = Site::new(joined(builder(&server.url()).lease(Duration::from_secs(10))).await).whole().await;
    let mut there = start();
    let before = resident(there.pid());
    let begun = Instant::now();
    for first in (0..REVOCATIONS).step_by(500) {
        let told = (first..first + 500).map(|number| revoker.revocations.revoke_id(format!("token {number}")));
        assert!(futures_util::future::join_all(told).await.iter().all(Result::is_ok));
    }
    while there.ask("heard").parse::<u64>().unwrap() < REVOCATIONS {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (heard, took) = ((resident(there.pid()) - before) * 1024, begun.elapsed());
    let begun = Instant::now();
    let late = start();
    // What a node has that has just begun is what the other had.
    let read = resident(late.pid()).saturating_sub(before) * 1024;
    println!("{REVOCATIONS} revocations were heard within {took:?}, and read within {:?}", begun.elapsed());
    println!("{} bytes each where they were heard, {} where they were read", heard / REVOCATIONS, read / REVOCATIONS);
    assert!(heard / REVOCATIONS < 1024 && read / REVOCATIONS < 1024);
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn the_memory_of_a_node_with_100_000_connections() {
    let server = Server::start();
    let mut node = Process::start(env!("CARGO_BIN_EXE_node"), &server.url(), &["10000", "1000"]);
    let before = resident(node.pid());
    let start = Instant::now();
    assert_eq!(node.ask(&format!("keep {CONNECTIONS_OF_A_NODE}")), "yes");
    while node.ask("health") != "Joined" {
        std::thread::yield_now();
    }
    let held = (resident(node.pid()) - before) * 1024;
    println!(
        "{} bytes of a node for each connection; all were said {:?} after they were kept",
        held / CONNECTIONS_OF_A_NODE,
        start.elapsed()
    );
}
