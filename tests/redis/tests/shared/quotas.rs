//! Messages of one quota, on several nodes.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::{Request, request::Parts};
use portcullis_core::{
    CloseCode,
    frame::FrameHeader,
    identity::Subject,
    policy::{Policy, Verdict},
    shared::{Buyer, Grant, Purchase, ShareQuotas},
};
use portcullis_quota::Quota;
use portcullis_rate_limit::MessageRateLayer;
use portcullis_redis::{Away, Cluster, ClusterState, Name, Rate, WhenAway};
use redis::AsyncCommands;
use redis_tests::{Server, builder, joined, until};
use tokio::{sync::oneshot, time::sleep_until};

use crate::contract::eventually;

pub(crate) const RATE: u32 = 1000;
pub(crate) const BURST: u32 = 200;

fn of(subject: &str) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(Subject::new(subject));
    parts
}

fn text() -> FrameHeader {
    FrameHeader::parse(&[0x81, 0x80, 0, 0, 0, 0]).unwrap()
}

/// A connection of a subject, as its policy.
fn connection(layer: &MessageRateLayer, subject: &str) -> Box<dyn Policy> {
    layer.policy(&of(subject)).map_err(|refusal| refusal.kind()).unwrap()
}

fn per_hour(burst: u32) -> MessageRateLayer {
    MessageRateLayer::new(Quota::per_hour(1.try_into().unwrap())).burst(burst).per_subject()
}

async fn two(server: &Server) -> [Cluster; 2] {
    let nodes = [joined(builder(&server.url())).await, joined(builder(&server.url())).await];
    for node in &nodes {
        until(node, |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    }
    nodes
}

/// One message. One that is held back is sent again when it is asked for.
pub(crate) async fn send(connection: &mut dyn Policy) -> Verdict {
    loop {
        match connection.on_frame(&text(), Instant::now()) {
            Verdict::AskAgain(at) => sleep_until(at.into()).await,
            verdict => return verdict,
        }
    }
}

/// How many messages pass, and what stops them.
async fn send_all(connection: &mut dyn Policy) -> (u32, Verdict) {
    let mut passed = 0;
    loop {
        match send(connection).await {
            Verdict::Pass => passed += 1,
            verdict => return (passed, verdict),
        }
    }
}

struct Answer(Mutex<Option<oneshot::Sender<Result<Grant, Away>>>>);

impl Buyer for Answer {
    fn answered(&self, grant: Result<Grant, Away>) {
        let answer = self.0.lock().unwrap().take().expect("there is one answer");
        let _ = answer.send(grant);
    }
}

/// Buys cells, and gives none of them back.
pub(crate) async fn buy(node: &Cluster, name: Name, rate: Rate, want: u64) -> Grant {
    let (answer, sold) = oneshot::channel();
    let purchase = Purchase { name, rate, want, least: 1 };
    ShareQuotas::buy(node, purchase, Arc::new(Answer(Mutex::new(Some(answer))))).unwrap();
    sold.await.unwrap().unwrap()
}

/// As fast as it can until a time, and until half a burst and more was admitted: nothing would be shown otherwise. When
/// each message was asked for, and when it was admitted.
async fn flood(mut connection: Box<dyn Policy>, end: Instant) -> Vec<(Instant, Instant)> {
    let mut admitted = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= end && admitted.len() > BURST as usize / 2 {
            return admitted;
        }
        match connection.on_frame(&text(), asked) {
            Verdict::Pass => admitted.push((asked, Instant::now())),
            _ => tokio::task::yield_now().await,
        }
    }
}

/// By how many messages the worst of all windows is over `burst + rate * t`.
pub(crate) fn worst(admitted: &[(Instant, Instant)]) -> f64 {
    let mut worst = f64::MIN;
    for (at, (from, _)) in admitted.iter().enumerate() {
        let (mut to, mut count) = (*from, 0.0);
        for (_, admitted) in &admitted[at..] {
            (to, count) = (to.max(*admitted), count + 1.0);
            worst = worst.max(count - f64::from(BURST) - f64::from(RATE) * (to - *from).as_secs_f64());
        }
    }
    worst
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_flood_over_two_nodes_is_within_the_quota_and_two_blocks_a_node_in_every_window() {
    let server = Server::start();
    let nodes = two(&server).await;
    for block in [1, 20, 100] {
        let (name, time) = (format!("by {block}"), Duration::from_secs(2));
        let start = Instant::now();
        let floods = nodes.each_ref().map(|node| {
            let layer = MessageRateLayer::per_second(RATE).burst(BURST).per_subject().shared(node).block(block);
            tokio::spawn(flood(connection(&layer, &name), start + time))
        });
        let mut admitted = Vec::new();
        for flood in floods {
            admitted.extend(flood.await.unwrap());
        }
        admitted.sort_unstable();
        let (most, worst) = (f64::from(2 * 2 * block), worst(&admitted));
        let quota = f64::from(BURST) + f64::from(RATE) * time.as_secs_f64();
        println!("blocks of {block}: {} of {quota}; worst window {worst:.0} over, bound {most}", admitted.len());
        assert!(worst <= most, "blocks of {block}: {worst} over, and {most} may be");
        assert!(admitted.len() > BURST as usize, "blocks of {block}: {}", admitted.len());
    }
}

/// A client that sends 0.9 of its rate, to one node or to both in turn, while Redis stands still for 0.7 s.
#[tokio::test]
async fn a_client_within_its_rate_is_never_refused_also_while_redis_stands_still() {
    const RATE: u32 = 100;
    let server = Server::start();
    let realistic = || builder(&server.url()).beat(Duration::from_secs(1)).deadline(Duration::from_millis(100));
    let nodes = [joined(realistic()).await, joined(realistic()).await];
    until(&nodes[0], |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    until(&nodes[1], |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    let layers = nodes.each_ref().map(|node| MessageRateLayer::per_second(RATE).per_subject().shared(node));
    for (name, turns) in [("on one", [0, 0]), ("on both", [0, 1])] {
        let mut connections = layers.each_ref().map(|layer| connection(layer, name));
        let mut next = Instant::now();
        for sent in 0..350 {
            match sent {
                90 => server.stop(),
                // 0.7 s later.
                153 => server.resume(),
                _ => {}
            }
            sleep_until(next.into()).await;
            let verdict = send(connections[turns[sent % 2]].as_mut()).await;
            assert_eq!(verdict, Verdict::Pass, "{name}: {sent}");
            // Never faster, also where the machine was late.
            next = next.max(Instant::now()) + Duration::from_secs(1) * 10 / 9 / RATE;
        }
    }
}

#[tokio::test]
async fn each_word_for_away_is_what_a_node_does_with_messages() {
    let mut server = Server::start();
    let [node, other] = two(&server).await;
    let layer = |node: &Cluster, word| per_hour(10).shared(&node.when_away(word));
    // While it is there, the two have ten between them.
    let mut passed = 0;
    for node in [&node, &other] {
        passed += send_all(connection(&layer(node, WhenAway::Share), "before").as_mut()).await.0;
    }
    assert!((10..=12).contains(&passed), "{passed}, of which each node may owe one");
    server.kill();
    until(&node, |health| health.state == ClusterState::Away).await;
    for (word, passes, code) in [
        (WhenAway::Refuse, 0, CloseCode::TRY_AGAIN_LATER),
        (WhenAway::Share, 5, CloseCode::POLICY_VIOLATION),
        (WhenAway::Alone, 10, CloseCode::POLICY_VIOLATION),
    ] {
        let (passed, verdict) = send_all(connection(&layer(&node, word), "later").as_mut()).await;
        let Verdict::Close(frame) = verdict else { panic!("{verdict:?}") };
        assert_eq!((passed, frame.code()), (passes, Some(code)), "{word:?}");
    }
}

#[tokio::test]
async fn a_node_that_begins_without_a_server_admits_its_share_if_it_was_told_how_many_there_are() {
    let mut server = Server::start();
    server.kill();
    let lazy = || builder(&server.url()).lazy();
    let unknown = lazy().build().await.unwrap();
    let known = lazy().nodes(2.try_into().unwrap()).build().await.unwrap();
    for (node, word, passes) in [
        (&unknown, WhenAway::Share, 0),
        (&unknown, WhenAway::Alone, 10),
        (&known, WhenAway::Refuse, 0),
        (&known, WhenAway::Share, 5),
        (&known, WhenAway::Alone, 10),
    ] {
        let layer = per_hour(10).shared(&node.when_away(word));
        assert_eq!(send_all(connection(&layer, "somebody").as_mut()).await.0, passes, "{word:?}");
    }
    // The same connection counts for all nodes as soon as the server is there.
    let layer = per_hour(10).shared(&known);
    let mut live = connection(&layer, "another");
    assert_eq!(send_all(live.as_mut()).await.0, 5);
    server.restart();
    known.ready().await;
    let passes = eventually(async || {
        let passed = connection(&layer, "another").on_frame(&text(), Instant::now());
        if passed == Verdict::Pass { Ok(()) } else { Err(passed) }
    });
    passes.await.unwrap();
}

#[tokio::test]
async fn what_was_bought_and_not_spent_is_given_back_by_a_node_that_is_done_with_it() {
    let server = Server::start();
    let [node, other] = two(&server).await;
    let rate = Rate { interval: Duration::from_secs(3600), burst: 100 };
    let layer = per_hour(100).shared(&node).block(50);
    let mut inside = server.inspect().await;
    let name_of = |subject: &str| node.name("messages of a subject", Subject::new(subject).to_bytes());
    for (subject, leaves) in [("ends", false), ("leaves", true)] {
        let mut one = connection(&layer, subject);
        assert_eq!(send(one.as_mut()).await, Verdict::Pass);
        drop(one);
        // The message was sent on credit. If the other node bought everything first, it would not be paid for.
        while !inside.exists::<_, bool>(format!("t:1:{{{}}}:q", name_of(subject))).await.unwrap() {
            tokio::task::yield_now().await;
        }
        if leaves {
            node.leave().await;
            assert_eq!(buy(&other, name_of(subject), rate, 100).await.cells, 99, "when it has left, at once");
            continue;
        }
        let given_back = eventually(async || {
            let sold = buy(&other, name_of(subject), rate, 100).await;
            if sold.cells == 99 {
                return Ok(());
            }
            ShareQuotas::give_back(&other, name_of(subject), rate, sold.cells);
            Err(sold)
        });
        given_back.await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_messages_for_a_burst_at_most() {
    let server = Server::start();
    let (node, mut inside) = (joined(builder(&server.url())).await, server.inspect().await);
    let (rate, name) = (Rate { interval: Duration::from_secs(10), burst: 3 }, node.name("messages", "of a test"));
    let sold = buy(&node, name, rate, 2).await;
    assert_eq!((sold.cells, sold.full_in.as_secs_f64().round()), (2, 20.0));
    let key = format!("t:1:{{{name}}}:q");
    let full: u64 = inside.get(&key).await.unwrap();
    let _: () = inside.set(&key, full + 3_600_000_000).await.unwrap();
    let sold = buy(&node, name, rate, 2).await;
    assert!(sold.cells == 0 && sold.retry_after <= rate.interval, "{sold:?}");
    assert!(sold.full_in <= 3 * rate.interval, "{sold:?}");
}
