//! Revocations and commands where what has the stream is not always the same server: a Redis Cluster, and sentinels.

use std::time::{Duration, Instant};

use portcullis_core::{CloseCode, CloseFrame, identity::Subject, testing::Client};
use portcullis_redis::Builder;
use redis_tests::{REVOKED, Server, Sharded, Site, Watched, builder, joined};
use tokio::time::timeout;

/// How many connections are ended in turn.
const TURNS: usize = 20;

/// Nothing takes so long, on a machine however busy.
const FOREVER: Duration = Duration::from_secs(60);

async fn site(settings: Builder) -> Site {
    Site::new(joined(settings).await).whole().await
}

fn of_cluster(store: &Sharded) -> Builder {
    let urls = store.urls();
    builder(&urls[0]).redis_cluster(&urls[1..])
}

fn of_sentinels(store: &Watched) -> Builder {
    builder("redis://mymaster").sentinels(store.urls())
}

/// Where the stream is.
async fn owner(store: &Sharded) -> (u16, usize) {
    let slot = store.slot("t:1:{r}:cmd").await;
    (slot, Sharded::owner(slot))
}

async fn connected(site: &Site, round: &str) -> Vec<(String, Client)> {
    let mut clients = Vec::new();
    for turn in 0..TURNS {
        let token = format!("{round}{turn}.{round}{turn}");
        clients.push((token.clone(), site.connect(&token).await.unwrap()));
    }
    clients
}

/// Revokes the tokens of half of them, and kicks the others. Tells it until it was told. How often it was not.
async fn end(from: &Site, clients: &[(String, Client)]) -> usize {
    let mut lost = 0;
    for (turn, (token, _)) in clients.iter().enumerate() {
        let (subject, id) = token.split_once('.').unwrap();
        let kick = || CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned");
        let told = async || match turn % 2 {
            0 => from.revocations.revoke_id(id.to_owned()).await,
            _ => from.connections.close(Subject::new(subject), kick()).await,
        };
        while told().await.is_err() {
            lost += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    lost
}

/// Waits until all have ended.
async fn ended(clients: Vec<(String, Client)>) {
    for (turn, (token, mut client)) in clients.into_iter().enumerate() {
        let frame = timeout(FOREVER, client.closed()).await.unwrap_or_else(|_| panic!("{token} lives on")).unwrap();
        assert_eq!(frame.reason(), if turn % 2 == 0 { "token revoked" } else { "banned" }, "{token}");
    }
}

/// What was revoked is revoked for a node that was not there.
async fn known_to_newcomers(late: &Site, rounds: &[&str]) {
    for round in rounds {
        for turn in (0..TURNS).step_by(2) {
            let token = format!("{round}{turn}.{round}{turn}");
            assert_eq!(late.connect(&token).await.err(), Some(REVOKED), "{token}");
        }
    }
}

#[tokio::test]
async fn the_stream_of_a_redis_cluster_is_read_on_while_its_slot_moves() {
    let store = Sharded::start().await;
    let (one, other) = (site(of_cluster(&store)).await, site(of_cluster(&store)).await);
    let clients = connected(&other, "before").await;
    assert_eq!(end(&one, &clients).await, 0);
    ended(clients).await;
    let (slot, mut at) = owner(&store).await;
    for round in ["first", "second", "third"] {
        let (clients, to) = (connected(&other, round).await, (at + 1) % 3);
        let (lost, ()) = tokio::join!(end(&one, &clients), store.move_slot(slot, at, to));
        at = to;
        ended(clients).await;
        println!("{round} move: {lost} not told at once");
    }
    for site in [&one, &other] {
        let events = site.cluster.health().events;
        assert_eq!((events.gaps, events.streams_lost), (0, 0), "nothing was missed");
    }
    known_to_newcomers(&site(of_cluster(&store)).await, &["before", "first", "second", "third"]).await;
}

#[tokio::test]
async fn the_stream_of_a_redis_cluster_is_read_on_when_its_primary_is_killed() {
    let mut store = Sharded::start().await;
    let (_, at) = owner(&store).await;
    store.add_replica(at).await;
    let (one, other) = (site(of_cluster(&store)).await, site(of_cluster(&store)).await);
    let early = connected(&other, "early").await;
    assert_eq!(end(&one, &early).await, 0);
    ended(early).await;
    let clients = connected(&other, "late").await;
    Server::replicated(&mut store.servers[at].inspect().await).await;
    store.servers[at].kill();
    let start = Instant::now();
    let lost = end(&one, &clients).await;
    let told = start.elapsed();
    ended(clients).await;
    println!("told {told:?} after the primary was killed, heard after {:?}; {lost} times not told", start.elapsed());
    known_to_newcomers(&site(of_cluster(&store)).await, &["early", "late"]).await;
}

#[tokio::test]
async fn the_stream_is_read_on_when_sentinels_replace_its_primary() {
    let primary = Server::start();
    let port = primary.port();
    let mut store = Watched::start(primary, port).await;
    let (one, other) = (site(of_sentinels(&store)).await, site(of_sentinels(&store)).await);
    let early = connected(&other, "early").await;
    assert_eq!(end(&one, &early).await, 0);
    ended(early).await;
    let clients = connected(&other, "late").await;
    Server::replicated(&mut store.primary.inspect().await).await;
    store.primary.kill();
    let start = Instant::now();
    let lost = end(&one, &clients).await;
    let told = start.elapsed();
    ended(clients).await;
    println!("told {told:?} after the primary was killed, heard after {:?}; {lost} times not told", start.elapsed());
    known_to_newcomers(&site(of_sentinels(&store)).await, &["early", "late"]).await;
}
