//! Redis is slow, stands still, is cut off, or is gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use portcullis_redis::{Cluster, ClusterState, Denied, Name, Permit, PermitRequest, Rate};
use redis_tests::{Command, Inside, Mode, Proxy, Server, builder, joined, until};
use tokio::{sync::watch, time::Instant};

use crate::contract::eventually;

const DEADLINE: Duration = Duration::from_millis(100);

async fn take(cluster: &Cluster, name: Name, most: usize) -> Result<Permit, Denied> {
    cluster.take(&[PermitRequest::new(name, most)], cluster.deadline(), |_| {}).await
}

#[tokio::test]
async fn a_handshake_waits_for_its_one_deadline_when_redis_stands_still() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let cluster = joined(builder(&proxy.url()).deadline(DEADLINE)).await;
    let [address, subject] = ["client", "subject"].map(|kind| cluster.name(kind, "somebody"));
    proxy.set(Mode::Hold);
    tokio::time::pause();
    let start = Instant::now();
    let by = cluster.deadline();
    // Three layers of one handshake.
    let rate = Rate { interval: Duration::from_secs(1), burst: 1 };
    assert!(cluster.charge(address, rate, by).await.is_err());
    assert!(cluster.take(&[PermitRequest::new(address, 9), PermitRequest::new(subject, 9)], by, |_| {}).await.is_err());
    assert!(cluster.take(&[PermitRequest::of_pool(subject, 9)], by, |_| {}).await.is_err());
    // A timer of tokio's is a millisecond late at most.
    let waited = start.elapsed();
    assert!(waited <= DEADLINE + Duration::from_millis(1), "{waited:?}");
}

#[tokio::test]
async fn with_the_breaker_open_an_answer_is_ready_at_the_first_poll_and_nothing_is_sent() {
    let server = Server::start();
    let proxy = Proxy::recording(server.port()).await;
    let cluster = joined(builder(&proxy.url()).deadline(DEADLINE)).await;
    let name = cluster.name("subject", "alice");
    proxy.set(Mode::Hold);
    tokio::time::pause();
    let start = Instant::now();
    while cluster.health().state == ClusterState::Joined {
        assert!(matches!(take(&cluster, name, 9).await, Err(Denied::Away(_))));
    }
    assert_eq!(cluster.health().events.missed, 3);
    assert!(start.elapsed() <= 3 * (DEADLINE + Duration::from_millis(1)), "{:?}", start.elapsed());
    let rate = Rate { interval: Duration::from_secs(1), burst: 1 };
    for _ in 0..1000 {
        assert!(is_ready(take(&cluster, name, 9)));
        assert!(is_ready(cluster.charge(name, rate, cluster.deadline())));
    }
    tokio::time::resume();
    proxy.set(Mode::Pass);
    cluster.ready().await;
    let events = cluster.health().events;
    let events = until(&cluster, |health| health.events.taken_back == events.given_up).await.events;
    assert_eq!((events.given_up, events.broken), (3, 1));
    // Whatever was sent may have been heard at any later time, but in order. The permits that were given up were
    // released after all of this, on the same connection, so by now everything before has been heard.
    let sent = proxy.commands().into_iter().flatten().filter(|command| !is_background(command));
    let sent: Vec<_> = sent.map(|command| command[0].clone()).collect();
    assert_eq!(sent, ["EVALSHA", "HGET"].repeat(3), "three questions, each with the one which data has answered");
    assert!(Inside(server.inspect().await).permits(name).await.is_empty());
}

/// How many questions about a name the server was sent. One that is dropped before is never sent.
pub(crate) fn asked(proxy: &Proxy, name: Name) -> usize {
    let commands = proxy.commands().into_iter().flatten();
    let asks = |command: &Command| command[0].starts_with("EVAL") && command[2..].concat().contains(&name.to_string());
    commands.filter(asks).count()
}

/// Whether a node sends a command without being asked: it connects, beats, reads, and releases what was given up.
fn is_background(command: &Command) -> bool {
    let is_key = |word: &String| word == "t:1:{n}:live" || word == "t:1:{r}:cmd";
    matches!(command[0].as_str(), "CLIENT" | "INFO" | "XREAD" | "ZREM") || command.iter().any(is_key)
}

fn is_ready<T>(future: impl Future<Output = T>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    matches!(std::pin::pin!(future).poll(&mut context), Poll::Ready(_))
}

#[tokio::test]
async fn a_take_that_is_dropped_leaks_nothing_although_it_is_carried_out() {
    let server = Server::start();
    let proxy = Proxy::recording(server.port()).await;
    let (cluster, mut inside) = (joined(builder(&proxy.url())).await, Inside(server.inspect().await));
    let name = cluster.name("subject", "alice");
    // From here on the server knows the script, and carries out a question that names it.
    drop(take(&cluster, cluster.name("subject", "bob"), 1).await.unwrap());
    for (mode, leaves_first) in [(Mode::Hold, false), (Mode::Hold, true)] {
        proxy.set(mode);
        let before = asked(&proxy, name);
        let given_up = cluster.health().events.given_up;
        {
            let mut asking = std::pin::pin!(take(&cluster, name, 1));
            let sent = async {
                while asked(&proxy, name) == before {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                _ = &mut asking => panic!("nothing is answered"),
                () = sent => {}
            }
        }
        if leaves_first {
            proxy.set(Mode::Cut);
        }
        proxy.set(Mode::Pass);
        let health = until(&cluster, |health| health.events.given_up > given_up).await;
        until(&cluster, |now| now.events.taken_back == health.events.given_up).await;
        assert!(inside.permits(name).await.is_empty());
        drop(eventually(async || take(&cluster, name, 1).await).await.unwrap());
    }
}

#[tokio::test]
async fn places_that_were_granted_unheard_are_given_back() {
    let server = Server::start();
    let proxy = Proxy::recording(server.port()).await;
    let cluster = joined(builder(&proxy.url()).beat(Duration::from_secs(1))).await;
    let (mut inside, name) = (Inside(server.inspect().await), cluster.name("pool", "global"));
    let (block, pool) = (12, [PermitRequest::of_pool(name, 200)]);
    // From here on the server knows the script, and carries out a question that names it.
    let another = [PermitRequest::of_pool(cluster.name("pool", "another"), 200)];
    drop(cluster.take(&another, cluster.deadline(), |_| {}).await.unwrap());
    proxy.set(Mode::Hold);
    let before = asked(&proxy, name);
    {
        let mut asking = std::pin::pin!(cluster.take(&pool, cluster.deadline(), |_| {}));
        while asked(&proxy, name) == before {
            tokio::select! {
                _ = &mut asking => panic!("nothing is answered"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    proxy.set(Mode::Pass);
    let _held = cluster.take(&pool, cluster.deadline(), |_| {}).await.unwrap();
    let beats = cluster.health().events.beats;
    until(&cluster, |health| health.events.beats > beats + 2).await;
    assert_eq!(inside.allotted(name).await, block);
}

#[tokio::test]
async fn a_slow_server_is_away_until_it_answers_a_beat_in_time() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let cluster = joined(builder(&proxy.url()).deadline(DEADLINE).beat(Duration::from_secs(1))).await;
    let name = cluster.name("subject", "alice");
    let held = eventually(async || take(&cluster, name, 2).await).await.unwrap();
    proxy.set(Mode::Delay(DEADLINE));
    while cluster.health().state == ClusterState::Joined {
        assert!(matches!(take(&cluster, name, 9).await, Err(Denied::Away(_))));
    }
    let beats = cluster.health().events.beats;
    until(&cluster, |health| health.events.beats >= beats + 2).await;
    assert_eq!(cluster.health().state, ClusterState::Away, "beats are answered, and too late");
    proxy.set(Mode::Pass);
    cluster.ready().await;
    assert_eq!(cluster.health().events.fenced, 0);
    drop(held);
    let events = until(&cluster, |health| health.events.taken_back == health.events.given_up).await.events;
    assert!(events.given_up >= 3);
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_and_permits_stay() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let (cluster, mut inside) = (joined(builder(&proxy.url())).await, Inside(server.inspect().await));
    let name = cluster.name("subject", "alice");
    let _held = take(&cluster, name, 1).await.unwrap();
    let (permits, nodes) = (inside.permits(name).await, inside.nodes().await);
    for round in 1..=5 {
        proxy.set(Mode::Cut);
        until(&cluster, |health| health.state == ClusterState::Away).await;
        assert!(matches!(take(&cluster, name, 1).await, Err(Denied::Away(_))));
        proxy.set(Mode::Pass);
        until(&cluster, |health| health.events.connections == round + 1 && health.is_ready()).await;
        assert_eq!(take(&cluster, name, 1).await.unwrap_err(), Denied::Full(0));
    }
    assert_eq!((inside.permits(name).await, inside.nodes().await), (permits, nodes));
}

/// Forty clients of two nodes, which take and give back while the server is stopped and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalls_under_load_leak_no_permit_and_never_pass_the_limit() {
    const MOST: usize = 5;
    let server = Server::start();
    let settings = || builder(&server.url()).deadline(DEADLINE).beat(Duration::from_millis(200));
    let nodes = [joined(settings()).await, joined(settings()).await];
    let names: Vec<_> = (0..8_u32).map(|key| nodes[0].name("subject", key.to_be_bytes())).collect();
    let (stop, stopped) = watch::channel(false);
    let truth: Arc<Vec<_>> = Arc::new(names.iter().map(|_| AtomicUsize::default()).collect());
    let clients = (0..40_usize).map(|number| {
        let (cluster, at, stopped) = (nodes[number % 2].clone(), number % 8, stopped.clone());
        let (name, truth) = (names[at], truth.clone());
        tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            while !*stopped.borrow() {
                let start = Instant::now();
                let taken = take(&cluster, name, MOST).await;
                slowest = slowest.max(start.elapsed());
                match taken {
                    Ok(permit) => {
                        let live = truth[at].fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(live <= MOST, "{live} of {MOST}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        truth[at].fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
            slowest
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..10 {
        let broken = nodes.each_ref().map(|node| node.health().events.broken);
        server.stop();
        for (node, broken) in nodes.iter().zip(broken) {
            until(node, |health| health.events.broken > broken || !health.is_ready()).await;
        }
        server.resume();
        for node in &nodes {
            node.ready().await;
        }
    }
    stop.send_replace(true);
    let mut slowest = Duration::ZERO;
    for client in clients {
        slowest = slowest.max(client.await.unwrap());
    }
    let mut given_up = 0;
    for node in &nodes {
        let beats = node.health().events.beats;
        let done =
            until(node, |health| health.events.taken_back == health.events.given_up && health.events.beats > beats + 2);
        given_up += done.await.events.given_up;
    }
    let mut inside = Inside(server.inspect().await);
    for name in names {
        assert_eq!(inside.permits(name).await, [""; 0], "nothing is held, and the store has it");
    }
    println!("given up: {given_up}; slowest handshake: {slowest:?}");
    assert!(given_up >= 10);
}
