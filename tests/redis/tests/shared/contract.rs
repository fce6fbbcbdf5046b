//! What a permit, a place and a rate mean, on whichever node.

use std::time::Duration;

use portcullis_redis::{Away, ClusterState, Denied, PermitRequest, Rate, WhenAway};
use redis_tests::{Inside, Server, builder, joined, until};

#[tokio::test]
async fn a_limit_is_one_limit_on_all_nodes() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let alice = [PermitRequest::new(one.name("subject", "alice"), 2)];
    let first = one.take(&alice, one.deadline(), |_| {}).await.unwrap();
    let _second = other.take(&alice, other.deadline(), |_| {}).await.unwrap();
    for cluster in [&one, &other] {
        assert_eq!(cluster.take(&alice, cluster.deadline(), |_| {}).await.unwrap_err(), Denied::Full(0));
    }
    drop(first);
    assert!(eventually(async || other.take(&alice, other.deadline(), |_| {}).await).await.is_ok());
    let bob = [PermitRequest::new(one.name("subject", "bob"), 1)];
    assert!(one.take(&bob, one.deadline(), |_| {}).await.is_ok());
}

#[tokio::test]
async fn permits_of_several_keys_are_taken_all_or_none() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let (address, subject) = (one.name("client", "192.0.2.1"), one.name("subject", "alice"));
    let _first = other.take(&[PermitRequest::new(subject, 1)], other.deadline(), |_| {}).await.unwrap();
    let both = [PermitRequest::new(address, 1), PermitRequest::new(subject, 1)];
    assert_eq!(one.take(&both, one.deadline(), |_| {}).await.unwrap_err(), Denied::Full(1));
    let address = [PermitRequest::new(address, 1)];
    assert!(eventually(async || other.take(&address, other.deadline(), |_| {}).await).await.is_ok());
}

#[tokio::test]
async fn one_key_of_several_is_left_alone() {
    let server = Server::start();
    let (one, mut inside) = (joined(builder(&server.url())).await, Inside(server.inspect().await));
    let [a, b] = ["a", "b"].map(|key| one.name("subject", key));
    let permit = one.take(&[PermitRequest::new(a, 1), PermitRequest::new(b, 1)], one.deadline(), |_| {}).await.unwrap();
    permit.leave(a);
    let a = [PermitRequest::new(a, 1)];
    assert!(eventually(async || one.take(&a, one.deadline(), |_| {}).await).await.is_ok());
    assert_eq!(inside.permits(b).await.len(), 1);
}

#[tokio::test]
async fn a_limit_on_the_service_is_shared_by_nodes_of_which_one_is_idle() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    let name = one.name("pool", "global");
    for most in [10, 200] {
        let all = [PermitRequest::of_pool(name, most)];
        let mut held = Vec::new();
        while let Ok(permit) = one.take(&all, one.deadline(), |_| {}).await {
            held.push(permit);
        }
        assert_eq!(held.len(), most, "the other node holds nothing back");
        assert_eq!(other.take(&all, other.deadline(), |_| {}).await.unwrap_err(), Denied::Full(0));
        held.truncate(most / 2);
        let mut others = Vec::new();
        while others.len() < most / 2 - most / 16 {
            others.push(eventually(async || other.take(&all, other.deadline(), |_| {}).await).await.unwrap());
        }
        assert!(inside.allotted(name).await <= most);
        drop((held, others));
        let name = one.name("pool", "global");
        while inside.allotted(name).await > 2 * (most / 16) {
            let beats = one.health().events.beats;
            until(&one, |health| health.events.beats > beats).await;
        }
    }
}

#[tokio::test]
async fn a_rate_of_handshakes_is_one_rate_on_all_nodes() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let rate = Rate { interval: Duration::from_secs(3600), burst: 10 };
    let name = one.name("client", "192.0.2.1");
    let mut admitted = 0;
    for cluster in [&one, &other].into_iter().cycle().take(40) {
        match cluster.charge(name, rate, cluster.deadline()).await.unwrap() {
            Ok(()) => admitted += 1,
            Err(wait) => assert!(wait > Duration::from_secs(3000), "{wait:?}"),
        }
    }
    assert_eq!(admitted, 10);
}

#[tokio::test]
async fn each_word_for_away_says_what_one_node_may_use() {
    let mut server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    until(&one, |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    server.kill();
    until(&one, |health| health.state == ClusterState::Away).await;
    let alice = [PermitRequest::new(one.name("subject", "alice"), 5)];
    for (word, share) in [(WhenAway::Refuse, 0), (WhenAway::Share, 3), (WhenAway::Alone, 5)] {
        let cluster = one.when_away(word);
        let denied = cluster.take(&alice, cluster.deadline(), |_| {}).await.unwrap_err();
        let Denied::Away(away) = denied else { panic!("{denied:?}") };
        assert_eq!(away.of(5), share, "{word:?}");
        let rate = Rate { interval: Duration::from_secs(1), burst: 5 };
        let charged = cluster.charge(one.name("subject", "alice"), rate, cluster.deadline()).await;
        assert_eq!(charged.unwrap_err(), away);
    }
    drop(other);
}

#[tokio::test]
async fn a_node_that_begins_without_a_server_has_no_share_unless_it_is_told() {
    let mut server = Server::start();
    server.kill();
    let settings = || builder(&server.url()).lazy();
    let unknown = settings().build().await.unwrap();
    let known = settings().nodes(2.try_into().unwrap()).build().await.unwrap();
    for (cluster, share) in [(&unknown, 0), (&known, 3)] {
        let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 5)];
        let Err(Denied::Away(away)) = cluster.take(&wanted, cluster.deadline(), |_| {}).await else { panic!() };
        assert_eq!(away.of(5), share, "{away:?}");
        assert_eq!(matches!(away, Away::Refuse { .. }), share == 0);
    }
    server.restart();
    unknown.ready().await;
    known.ready().await;
}

/// What is given back is there a moment later: asks until the answer is good, or a minute is over.
pub(crate) async fn eventually<T, E: std::fmt::Debug>(ask: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let start = std::time::Instant::now();
    loop {
        match ask().await {
            Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(error),
            Err(_) => tokio::task::yield_now().await,
            good => return good,
        }
    }
}
