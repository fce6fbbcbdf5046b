//! The clock of the server is set. What a node's own clock says is never asked.

use std::time::Duration;

use portcullis_redis::{Denied, PermitRequest, Rate};
use redis::AsyncCommands;
use redis_tests::{Inside, Server, builder, joined, until};

use crate::contract::eventually;

/// What the store looks like after its clock was set ahead by so much: everything in it is older. A negative time sets
/// it back.
const SET_CLOCK: &str = "
for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[1], node) end
for _, field in ipairs({'seen', 'since'}) do
  local time = tonumber(redis.call('HGET', KEYS[2], field)) - ARGV[1]
  redis.call('HSET', KEYS[2], field, string.format('%.0f', time))
end";

#[tokio::test]
async fn a_clock_that_is_set_by_an_hour_ends_no_lease_and_frees_no_permit() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let mut inside = Inside(server.inspect().await);
    let wanted = [PermitRequest::new(one.name("subject", "alice"), 1)];
    let _held = one.take(&wanted, one.deadline(), |_| {}).await.unwrap();
    for ahead in [3_600_000_i64, -7_200_000, 3_600_000] {
        let mut set = redis::cmd("EVAL");
        set.arg(SET_CLOCK).arg(2).arg("t:1:{n}:live").arg("t:1:{n}:meta").arg(ahead);
        set.query_async::<()>(&mut inside.0).await.unwrap();
        for cluster in [&one, &other] {
            let beats = cluster.health().events.beats;
            let health = until(cluster, |health| health.events.beats > beats + 2 && health.is_ready()).await;
            assert_eq!((health.events.fenced, health.events.data_lost), (0, 0), "by {ahead} ms");
            assert_eq!(health.nodes.map(std::num::NonZero::get), Some(2));
        }
        assert_eq!(other.take(&wanted, other.deadline(), |_| {}).await.unwrap_err(), Denied::Full(0));
    }
}

#[tokio::test]
async fn a_node_that_dies_around_a_clock_that_is_set_back_is_not_waited_for_longer() {
    let server = Server::start();
    let survivor = joined(builder(&server.url())).await;
    let victim = joined(builder(&server.url()).lease(Duration::from_secs(1))).await;
    until(&survivor, |health| health.nodes.is_some_and(|nodes| nodes.get() == 2)).await;
    let mut inside = Inside(server.inspect().await);
    let wanted = [PermitRequest::new(survivor.name("subject", "alice"), 1)];
    std::mem::forget(eventually(async || victim.take(&wanted, victim.deadline(), |_| {}).await).await.unwrap());
    drop(victim);
    let mut set = redis::cmd("EVAL");
    set.arg(SET_CLOCK).arg(2).arg("t:1:{n}:live").arg("t:1:{n}:meta").arg(-3_600_000);
    set.query_async::<()>(&mut inside.0).await.unwrap();
    until(&survivor, |health| health.nodes.is_some_and(|nodes| nodes.get() == 1)).await;
    assert!(survivor.take(&wanted, survivor.deadline(), |_| {}).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_handshakes_for_a_burst_at_most() {
    let server = Server::start();
    let (cluster, mut inside) = (joined(builder(&server.url())).await, Inside(server.inspect().await));
    let rate = Rate { interval: Duration::from_secs(10), burst: 3 };
    let name = cluster.name("client", "192.0.2.1");
    cluster.charge(name, rate, cluster.deadline()).await.unwrap().unwrap();
    let key = format!("t:1:{{{name}}}:h");
    let full: u64 = inside.0.get(&key).await.unwrap();
    let _: () = inside.0.set(&key, full + 3_600_000_000).await.unwrap();
    let wait = cluster.charge(name, rate, cluster.deadline()).await.unwrap().unwrap_err();
    assert!(wait <= rate.interval, "{wait:?}");
}
