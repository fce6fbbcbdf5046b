//! Commands to live connections reach all nodes.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use portcullis_core::{
    CloseCode, CloseFrame, Target,
    identity::Subject,
    shared::{Command, CommandAction, CommandHandler, CommandTarget, ShareCommands},
};
use portcullis_redis::ClusterState;
use redis::AsyncCommands;
use redis_tests::{Mode, Proxy, Server, Site, builder, joined, until};
use tokio::sync::watch;

fn frame() -> CloseFrame {
    CloseFrame::new(CloseCode::new(4001).unwrap(), "banned: see /rules")
}

#[tokio::test]
async fn a_kick_on_one_node_closes_connections_of_the_other() {
    let server = Server::start();
    let one = Site::new(joined(builder(&server.url())).await).whole().await;
    let other = Site::new(joined(builder(&server.url())).await).whole().await;
    for case in 0..4 {
        let mut alice = other.connect_from("alice.1", [192, 0, 2, 1].into()).await.unwrap();
        let mut bob = other.connect_from("bob.1", [192, 0, 2, 2].into()).await.unwrap();
        let of_bob = other.connections.of_subject(&Subject::new("bob"));
        let target = match case {
            0 => Subject::new("alice").into(),
            1 => Target::ClientIp([192, 0, 2, 1].into()),
            2 => Target::Connection { node: other.connections.node().unwrap(), id: of_bob[0].id() },
            _ => Target::All,
        };
        assert_eq!(one.connections.close(target, frame()).await, Ok(0));
        for (client, meant) in [(&mut alice, case != 2), (&mut bob, case > 1)] {
            if meant {
                assert_eq!(client.closed().await, Some(frame()), "{case}");
            }
        }
        if case < 3 {
            let lives = Subject::new(if case == 2 { "alice" } else { "bob" });
            assert_eq!(other.connections.of_subject(&lives).len(), 1, "{case}");
        }
        drop((alice, bob));
        other.connections.wait_until_empty().await;
    }
    let mut alice = other.connect("alice.2").await.unwrap();
    assert_eq!(one.connections.abort(Subject::new("alice")).await, Ok(0));
    assert_eq!(alice.closed().await, None, "cut off");
}

#[tokio::test]
async fn who_commands_while_redis_is_away_learns_it_and_has_closed_his_own() {
    let mut server = Server::start();
    let one = Site::new(joined(builder(&server.url())).await).whole().await;
    let mut alice = one.connect("alice.1").await.unwrap();
    server.kill();
    until(&one.cluster, |health| health.state == ClusterState::Away).await;
    let error = one.connections.close(Subject::new("alice"), frame()).await.unwrap_err();
    assert_eq!(error.here, 1);
    assert_eq!(alice.closed().await, Some(frame()));
    drop(alice);
    one.connections.wait_until_empty().await;
    server.restart();
    one.cluster.ready().await;
    assert_eq!(one.connections.close(Subject::new("alice"), frame()).await, Ok(0));
}

/// Writes down the numbers that commands have as their reasons.
struct Recorder {
    heard: Mutex<Vec<(u32, Instant)>>,
    count: watch::Sender<usize>,
}

impl Recorder {
    fn of(cluster: &portcullis_redis::Cluster) -> Arc<Self> {
        let recorder = Arc::new(Self { heard: Mutex::default(), count: watch::Sender::new(0) });
        let handler: Arc<dyn CommandHandler> = recorder.clone();
        cluster.deliver(Arc::downgrade(&handler));
        recorder
    }

    /// When each was heard first, in this order.
    fn first(&self) -> Vec<(u32, Instant)> {
        let mut first: Vec<(u32, Instant)> = Vec::new();
        for (number, at) in self.heard.lock().unwrap().iter() {
            if first.last().is_none_or(|(last, _)| last < number) {
                first.push((*number, *at));
            }
        }
        first
    }
}

impl CommandHandler for Recorder {
    fn handle(&self, command: &Command, _: Instant) {
        let CommandAction::Close(frame) = &command.action else { panic!("{command:?}") };
        self.heard.lock().unwrap().push((frame.reason().parse().unwrap(), Instant::now()));
        self.count.send_modify(|count| *count += 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twelve_thousand_commands_a_node_that_is_cut_off_loses_none() {
    const COMMANDS: u32 = 12_000;
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let sender = joined(builder(&server.url())).await;
    let (near, cut) = (joined(builder(&server.url())).await, joined(builder(&proxy.url())).await);
    let recorders = [Recorder::of(&near), Recorder::of(&cut)];
    for cluster in [&near, &cut] {
        until(cluster, |health| health.events.snapshots > 0).await;
    }
    let (mut sent, mut told) = (Vec::new(), Vec::new());
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0..COMMANDS {
        if number % 20 == 0 {
            assert!(join_all(told.drain(..)).await.into_iter().all(|told| told), "the store is there");
            pace.tick().await;
        }
        match number {
            // 4,000 commands take two seconds at least.
            1_000 | 6_500 => proxy.set(Mode::Cut),
            5_000 | 10_500 => proxy.set(Mode::Pass),
            _ => {}
        }
        let close = CloseFrame::new(CloseCode::NORMAL, number.to_string());
        sent.push(Instant::now());
        told.push(sender.send(Command::new(CommandTarget::All, CommandAction::Close(close))));
    }
    for recorder in &recorders {
        let mut count = recorder.count.subscribe();
        let all = tokio::time::timeout(Duration::from_secs(60), count.wait_for(|count| *count >= COMMANDS as usize));
        all.await.expect("commands are lost").unwrap();
        let numbers: Vec<u32> = recorder.first().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, (0..COMMANDS).collect::<Vec<_>>(), "lost, or out of order");
    }
    let mut took: Vec<_> =
        recorders[0].first().iter().map(|(number, at)| at.duration_since(sent[*number as usize])).collect();
    took.sort_unstable();
    let at = |hundredth: usize| took[took.len() * hundredth / 100];
    println!("not cut off: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), took[took.len() - 1]);
    let events = cut.health().events;
    println!("cut off: {} connections to read, heard {}", events.readers, events.heard);
    assert_eq!((events.gaps, events.streams_lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_heard_at_once_and_not_at_the_next_beat() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let server = Server::start();
    let settings = || builder(&server.url()).beat(HOUR).lease(3 * HOUR).stale_after(3 * HOUR);
    let (one, other) = (settings().build().await.unwrap(), settings().build().await.unwrap());
    let recorder = Recorder::of(&other);
    until(&one, |health| health.events.beats > 0).await;
    until(&other, |health| health.events.snapshots > 0).await;
    let (mut took, mut count) = (Vec::new(), recorder.count.subscribe());
    for number in 0..500_usize {
        let start = Instant::now();
        let close = CloseFrame::new(CloseCode::NORMAL, number.to_string());
        let told = one.send(Command::new(CommandTarget::All, CommandAction::Close(close)));
        let heard = tokio::time::timeout(Duration::from_secs(60), count.wait_for(|count| *count > number)).await;
        heard.expect("it is not heard").unwrap();
        took.push(start.elapsed());
        assert!(told.await);
    }
    took.sort_unstable();
    println!("p50 {:?}, p99 {:?}, most {:?}", took[250], took[495], took[499]);
}

#[tokio::test]
async fn a_command_to_those_of_before_does_not_close_who_came_after_a_cut() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let one = Site::new(joined(builder(&server.url())).await).whole().await;
    let other = Site::new(joined(builder(&proxy.url())).await).whole().await;
    let mut before = other.connect("alice.1").await.unwrap();
    proxy.set(Mode::Cut);
    until(&other.cluster, |health| health.state == ClusterState::Away).await;
    one.connections.close(Subject::new("alice"), frame()).await.unwrap();
    // Later by the server's clock, which counts milliseconds.
    let mut inspect = server.inspect().await;
    let time = async |inspect: &mut redis::aio::MultiplexedConnection| {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(inspect).await.unwrap();
        seconds * 1000 + micros / 1000
    };
    let sent = time(&mut inspect).await;
    while time(&mut inspect).await < sent + 1000 {
        tokio::task::yield_now().await;
    }
    let _after = other.connect("alice.1").await.unwrap();
    let heard = other.cluster.health().events.heard;
    proxy.set(Mode::Pass);
    assert_eq!(before.closed().await, Some(frame()));
    until(&other.cluster, |health| health.events.heard > heard).await;
    drop(before);
    while other.connections.of_subject(&Subject::new("alice")).len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(other.connections.of_subject(&Subject::new("alice")).len(), 1);
}

#[tokio::test]
async fn commands_reach_a_node_whose_stream_was_deleted() {
    let server = Server::start();
    let one = Site::new(joined(builder(&server.url())).await).whole().await;
    let other = Site::new(joined(builder(&server.url())).await).whole().await;
    let mut inspect = server.inspect().await;
    for turn in 0..3 {
        let mut alice = other.connect("alice.1").await.unwrap();
        assert_eq!(one.connections.close(Subject::new("alice"), frame()).await, Ok(0));
        assert_eq!(alice.closed().await, Some(frame()), "{turn}");
        let lost = other.cluster.health().events.streams_lost;
        let _: u64 = inspect.del("t:1:{r}:cmd").await.unwrap();
        until(&other.cluster, |health| health.events.streams_lost > lost).await;
    }
}

#[tokio::test]
async fn registries_of_different_scopes_do_not_hear_each_other() {
    let server = Server::start();
    let one = joined(builder(&server.url())).await;
    let [chat, game] = ["chat", "game"].map(|scope| Site::new(one.scope(scope)));
    let (chat, game) = (chat.whole().await, game.whole().await);
    let far = joined(builder(&server.url())).await;
    let far = Site::new(far.scope("chat")).whole().await;
    let (mut alice, _plays) = (chat.connect("alice.1").await.unwrap(), game.connect("alice.1").await.unwrap());
    for target in [Target::All, Subject::new("alice").into()] {
        assert_eq!(far.connections.close(target, frame()).await, Ok(0));
    }
    assert_eq!(alice.closed().await, Some(frame()));
    until(&one, |health| health.events.heard >= 2).await;
    assert_eq!(game.connections.count(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_skipped() {
    let server = Server::start();
    let one = Site::new(joined(builder(&server.url())).await).whole().await;
    let other = Site::new(joined(builder(&server.url())).await).whole().await;
    let mut alice = other.connect("alice.1").await.unwrap();
    let mut inspect = server.inspect().await;
    let long = vec![b'c'; 100_000];
    let lines: [&[u8]; 6] = [b"", b"junk", b"\xff\xfe", b"r00 1 1 -", b"c* * *", &long];
    for line in lines {
        let _: String = inspect.xadd("t:1:{r}:cmd", "*", &[("m", line)]).await.unwrap();
    }
    let _: String = inspect.xadd("t:1:{r}:cmd", "*", &[("other", "field")]).await.unwrap();
    let _: String = inspect.xadd("t:1:{r}:cmd", "*", &[(b"\xff", b"a name that is no text")]).await.unwrap();
    one.connections.close(Subject::new("alice"), frame()).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), alice.closed()).await;
    assert_eq!(closed.expect("nothing is read any longer"), Some(frame()));
    until(&other.cluster, |health| health.events.unreadable == 8).await;
}
