//! A token that is revoked on one node is revoked on all.

use std::time::{Duration, Instant, SystemTime};

use portcullis_core::{CloseCode, identity::Subject, testing::Client};
use portcullis_redis::{ClusterState, WhenAway};
use redis::AsyncCommands;
use redis_tests::{Mode, Proxy, REVOKED, Server, Site, UNAVAILABLE, builder, joined, until};

const STREAM: &str = "t:1:{r}:cmd";

async fn site(url: &str) -> Site {
    Site::new(joined(builder(url)).await).whole().await
}

async fn revoked(client: &mut Client) {
    let closed = tokio::time::timeout(Duration::from_secs(60), client.closed()).await;
    let frame = closed.expect("it is not closed").unwrap();
    assert_eq!((frame.code(), frame.reason()), (Some(CloseCode::UNAUTHORIZED), "token revoked"));
}

#[tokio::test]
async fn what_one_node_revokes_is_closed_and_refused_on_the_other() {
    let server = Server::start();
    let (one, other) = (site(&server.url()).await, site(&server.url()).await);
    let alice = Subject::new("alice");
    for (number, whose) in [(1, "the token"), (2, "the subject"), (3, "the subject's of before"), (4, "all of before")]
    {
        let token = format!("alice.{number}");
        let mut clients = [one.connect(&token).await.unwrap(), other.connect(&token).await.unwrap()];
        let mut bob = other.connect("bob.0").await.unwrap();
        let soon = SystemTime::now() + Duration::from_secs(1);
        let told = match number {
            1 => one.revocations.revoke_id("1"),
            2 => one.revocations.revoke_subject(&alice),
            3 => one.revocations.revoke_subject_issued_before(&alice, soon),
            _ => one.revocations.revoke_issued_before(soon),
        };
        assert_eq!(told.await, Ok(1), "{whose}: closed on the first node");
        for client in &mut clients {
            revoked(client).await;
        }
        if number == 4 {
            revoked(&mut bob).await;
        }
        for node in [&one, &other] {
            let same = node.connect(&token).await.err();
            assert_eq!(same, (number == 1 || number > 2).then_some(REVOKED), "{whose}");
        }
        // Those of later are good.
        while number == 3 && SystemTime::now() < soon {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_or_closed_however_soon_after_its_revocation_it_comes() {
    let server = Server::start();
    let (one, other) = (site(&server.url()).await, site(&server.url()).await);
    let (mut refused, mut lived) = (0, Vec::new());
    let (one, other) = (&one, &other);
    let try_it = async |turn: usize| {
        let start = Instant::now();
        let told = one.revocations.revoke_id(turn.to_string());
        let closed = match other.connect(&format!("alice.{turn}")).await {
            Ok(mut client) => {
                revoked(&mut client).await;
                Some(start.elapsed())
            }
            Err(why) => {
                assert_eq!(why, REVOKED);
                None
            }
        };
        assert_eq!(told.await, Ok(0));
        closed
    };
    for turn in 0..125 {
        // A handler has 50 ms before its connection is closed: eight wait at once.
        for closed in futures_util::future::join_all((0..8).map(|at| try_it(8 * turn + at))).await {
            lived.extend(closed);
            refused += usize::from(closed.is_none());
        }
    }
    assert_eq!(refused + lived.len(), 1000);
    lived.sort_unstable();
    let most = lived.last().copied().unwrap_or_default();
    let p99 = lived.get(lived.len() * 99 / 100).copied().unwrap_or_default();
    println!("{refused} refused, {} closed: after {p99:?} (p99), {most:?} at most", lived.len());
}

/// The other node is cut off while a token is revoked, after it has `heard` of another or of none. `meanwhile` is done
/// to the stream before it hears again.
async fn cut_off(heard: bool, meanwhile: impl AsyncFn(&mut redis::aio::MultiplexedConnection)) -> (Server, Site, Site) {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let (one, other) = (site(&server.url()).await, site(&proxy.url()).await);
    let mut clients = Vec::new();
    for turn in 0..50 {
        clients.push(other.connect(&format!("alice.{turn}")).await.unwrap());
    }
    let mut stays = other.connect("alice.stays").await.unwrap();
    if heard {
        assert_eq!(one.revocations.revoke_id("early").await, Ok(0));
        until(&other.cluster, |health| health.events.heard > 0).await;
    }
    proxy.set(Mode::Cut);
    until(&other.cluster, |health| health.state == ClusterState::Away).await;
    for turn in 0..50 {
        assert_eq!(one.revocations.revoke_id(turn.to_string()).await, Ok(0));
    }
    meanwhile(&mut server.inspect().await).await;
    proxy.set(Mode::Pass);
    for client in &mut clients {
        revoked(client).await;
    }
    stays.send_ping("").await.unwrap();
    let later = one.revocations.revoke_id("stays").await;
    assert_eq!(later, Ok(0));
    revoked(&mut stays).await;
    (server, one, other)
}

#[tokio::test]
async fn a_node_that_was_cut_off_hears_of_all_that_was_revoked() {
    let (_server, _one, other) = cut_off(true, async |_| {}).await;
    let events = other.cluster.health().events;
    assert_eq!((events.gaps, events.streams_lost), (0, 0));
}

#[tokio::test]
async fn a_node_that_was_cut_off_for_longer_than_the_stream_reads_all_revocations() {
    let cut = async |inspect: &mut redis::aio::MultiplexedConnection| {
        for _ in 0..600 {
            let _: String = inspect.xadd(STREAM, "*", &[("m", "junk")]).await.unwrap();
        }
        let trim = redis::cmd("XTRIM").arg(STREAM).arg("MAXLEN").arg("=").arg(600).to_owned();
        assert!(trim.query_async::<u64>(inspect).await.unwrap() >= 50, "what was revoked is cut off");
    };
    let (_server, _one, other) = cut_off(true, cut).await;
    let events = until(&other.cluster, |health| health.events.unreadable >= 600).await.events;
    assert_eq!((events.gaps, events.streams_lost), (1, 0));
}

#[tokio::test]
async fn a_node_that_was_cut_off_while_the_stream_was_deleted_reads_all_revocations() {
    let delete = async |inspect: &mut redis::aio::MultiplexedConnection| {
        let deleted: u64 = inspect.del(STREAM).await.unwrap();
        assert_eq!(deleted, 1);
    };
    // Without anything heard before, it looks as if there had been no stream.
    let _ = cut_off(false, delete).await;
    let (_server, one, other) = cut_off(true, delete).await;
    for site in [&one, &other] {
        let events = until(&site.cluster, |health| health.events.streams_lost + health.events.gaps > 0).await.events;
        assert_eq!(events.put_back, 0, "the set was there");
    }
}

#[tokio::test]
async fn nodes_put_back_what_a_server_has_lost() {
    let mut server = Server::start();
    let (one, other) = (site(&server.url()).await, site(&server.url()).await);
    let mut client = other.connect("alice.1").await.unwrap();
    one.revocations.revoke_id("1").await.unwrap();
    let alice = Subject::new("alice");
    revoked(&mut client).await;
    drop(client);
    // A kick of the moment before is in nobody's way after.
    let kicked = one.connections.close(&alice, frame());
    server.kill();
    let _lost_or_not = kicked.await;
    for site in [&one, &other] {
        until(&site.cluster, |health| health.state == ClusterState::Away).await;
    }
    // While it is away: this is told when it is back.
    one.revocations.revoke_id("2").await.unwrap_err();
    server.restart();
    for site in [&one, &other] {
        // One of the two may have begun another stream before the other looked.
        until(&site.cluster, |health| health.events.streams_lost + health.events.gaps > 0 && health.is_ready()).await;
    }
    let put_back = async || [&one, &other].map(|site| site.cluster.health().events.put_back).iter().sum::<u64>() >= 2;
    while !put_back().await {
        tokio::task::yield_now().await;
    }
    // A node that has never heard of them.
    let late = site(&server.url()).await;
    for site in [&one, &other, &late] {
        for token in ["alice.1", "alice.2"] {
            while site.connect(token).await.err() != Some(REVOKED) {
                tokio::task::yield_now().await;
            }
        }
    }
    let (_stays, mut goes) = (other.connect("alice.3").await.unwrap(), other.connect("bob.3").await.unwrap());
    one.connections.close(Subject::new("bob"), frame()).await.unwrap();
    goes.closed().await.unwrap();
    assert_eq!(other.connections.of_subject(&alice).len(), 1);
}

#[tokio::test]
async fn what_is_flushed_while_everybody_reads_on_is_put_back() {
    let server = Server::start();
    let (one, other) = (site(&server.url()).await, site(&server.url()).await);
    one.revocations.revoke_id("1").await.unwrap();
    for site in [&one, &other] {
        until(&site.cluster, |health| health.events.heard == 1).await;
    }
    let mut inspect = server.inspect().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut inspect).await.unwrap();
    // Another stream begins at once, and both have read all of it when they look.
    while one.revocations.revoke_id("2").await.is_err() {}
    for site in [&one, &other] {
        until(&site.cluster, |health| health.events.streams_lost + health.events.gaps > 0 && health.is_ready()).await;
    }
    while [&one, &other].map(|site| site.cluster.health().events.put_back).iter().sum::<u64>() == 0 {
        tokio::task::yield_now().await;
    }
    let late = site(&server.url()).await;
    for token in ["alice.1", "alice.2"] {
        while late.connect(token).await.err() != Some(REVOKED) {
            tokio::task::yield_now().await;
        }
    }
}

fn frame() -> portcullis_core::CloseFrame {
    portcullis_core::CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned")
}

#[tokio::test]
async fn a_copy_that_may_not_be_whole_lets_nobody_in_unless_the_node_is_to_be_alone() {
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let stale_after = Duration::from_secs(3);
    let settings = || builder(&proxy.url()).stale_after(stale_after);
    let (one, other) = (site(&server.url()).await, Site::new(joined(settings()).await).whole().await);
    let alone = Site::new(joined(settings().when_away(WhenAway::Alone)).await).whole().await;
    one.revocations.revoke_id("0").await.unwrap();
    for site in [&other, &alone] {
        while site.connect("alice.0").await.err() != Some(REVOKED) {
            tokio::task::yield_now().await;
        }
    }
    let mut live = other.connect("alice.1").await.unwrap();
    proxy.set(Mode::Cut);
    for site in [&other, &alone] {
        while !site.cluster.health().stale {
            tokio::task::yield_now().await;
        }
        assert!(!site.cluster.health().is_ready());
    }
    assert_eq!(other.connect("alice.2").await.err(), Some(UNAVAILABLE));
    assert_eq!(other.connect("alice.0").await.err(), Some(REVOKED), "what is known is known");
    assert!(alone.connect("alice.2").await.is_ok());
    assert_eq!(alone.connect("alice.0").await.err(), Some(REVOKED));
    live.send_ping("").await.unwrap();
    assert_eq!(other.connections.count(), 1, "live connections go on");
    proxy.set(Mode::Pass);
    other.cluster.ready().await;
    assert!(other.connect("alice.2").await.is_ok());
}

#[tokio::test]
async fn a_node_that_never_had_a_copy_lets_nobody_in() {
    let mut server = Server::start();
    server.kill();
    let other = Site::new(builder(&server.url()).lazy().build().await.unwrap());
    assert_eq!(other.connect("alice.1").await.err(), Some(UNAVAILABLE));
    other.revocations.revoke_id("1").await.unwrap_err();
    server.restart();
    other.cluster.ready().await;
    assert_eq!(other.connect("alice.1").await.err(), Some(REVOKED));
    assert!(other.connect("alice.2").await.is_ok());
    // What could not be told is told.
    let late = site(&server.url()).await;
    while late.connect("alice.1").await.err() != Some(REVOKED) {
        tokio::task::yield_now().await;
    }
}

/// Handshakes of a node that has just started, from the first moment on: none is let in before it knows what others
/// had revoked.
async fn nobody_with(tokens: impl Iterator<Item = String>, late: &Site) {
    let tokens: Vec<_> = tokens.collect();
    let mut known = 0;
    while known < tokens.len() {
        match late.connect(&tokens[known]).await {
            Err(REVOKED) => known += 1,
            Err(UNAVAILABLE) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => panic!("{} was let in: {other:?}", tokens[known]),
        }
    }
    late.cluster.ready().await;
    assert!(late.connect("alice.other").await.is_ok());
}

#[tokio::test]
async fn a_node_that_starts_just_after_the_data_was_lost_waits_until_others_have_put_it_back() {
    let server = Server::start();
    let settings = || builder(&server.url()).beat(Duration::from_secs(1));
    let one = Site::new(joined(settings()).await).whole().await;
    one.revocations.revoke_id("1").await.unwrap();
    until(&one.cluster, |health| health.events.heard == 1).await;
    let mut inspect = server.inspect().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut inspect).await.unwrap();
    let late = Site::new(settings().build().await.unwrap());
    nobody_with(std::iter::once(String::from("alice.1")), &late).await;
    assert!(one.connect("alice.2").await.is_ok(), "a node that was there before goes on");
}

/// So many revocations over so slow a connection that they are back long after the data is old.
#[tokio::test]
async fn a_node_that_starts_after_the_data_was_lost_waits_for_one_that_puts_much_back() {
    const TOKENS: u32 = 8000;
    let server = Server::start();
    let proxy = Proxy::to(server.port()).await;
    let settings = |url: &str| builder(url).beat(Duration::from_millis(400));
    let one = Site::new(joined(settings(&proxy.url())).await).whole().await;
    for some in (0..TOKENS).collect::<Vec<_>>().chunks(500) {
        let told = some.iter().map(|token| one.revocations.revoke_id(token.to_string()));
        futures_util::future::join_all(told).await.into_iter().for_each(|told| assert_eq!(told, Ok(0)));
    }
    until(&one.cluster, |health| health.events.heard == u64::from(TOKENS)).await;
    proxy.set(Mode::Delay(Duration::from_millis(50)));
    let mut inspect = server.inspect().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut inspect).await.unwrap();
    let late = Site::new(settings(&server.url()).build().await.unwrap());
    nobody_with((0..TOKENS).step_by(20).map(|token| format!("alice.{token}")), &late).await;
    assert_eq!(one.cluster.health().events.put_back, u64::from(TOKENS));
}

#[tokio::test]
async fn an_entry_of_the_set_that_cannot_be_read_leaves_the_others() {
    let server = Server::start();
    let one = site(&server.url()).await;
    one.revocations.revoke_id("1").await.unwrap();
    let mut inspect = server.inspect().await;
    for name in [&b"strange"[..], b"\xff"] {
        let _: u64 = inspect.zadd("t:1:{r}:rev", name, 1_u64 << 50).await.unwrap();
        let _: u64 = inspect.hset("t:1:{r}:iss", name, b"\xff").await.unwrap();
    }
    let late = Site::new(joined(builder(&server.url())).await);
    tokio::time::timeout(Duration::from_secs(20), late.cluster.ready()).await.expect("its copy is never whole");
    assert_eq!(late.connect("alice.1").await.err(), Some(REVOKED));
    assert_eq!(late.cluster.health().events.unreadable, 2);
}
