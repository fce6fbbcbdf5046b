//! What the primaries of a Redis Cluster say of themselves.
//!
//! Each run of a server has an id, drawn when it starts. An address with another id than before is a server that has
//! begun anew, perhaps without its data; an address that is new is a replica that has been promoted, or a server that
//! was added. All of them are answered alike: what this node holds is reported again.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use redis::{
    FromRedisValue, RedisResult, Value,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};
use tokio::time::timeout;

/// The address of each primary that answers in time, and what it calls this run of its server.
pub(super) async fn runs(connection: &ClusterConnection, patience: Duration) -> Vec<(String, String)> {
    let Ok(Ok(primaries)) = timeout(patience, primaries(connection)).await else { return Vec::new() };
    // All at once, and each with the whole time: one that is gone must not cost the others theirs.
    let asked = primaries.into_iter().map(|(host, port)| async move {
        let address = format!("{host}:{port}");
        let about = timeout(patience, about(connection, "server", host, port)).await.ok()?.ok()?;
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:"))?;
        Some((address, run.trim().to_owned()))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// What all of them say of themselves.
pub(super) async fn describe(connection: &ClusterConnection) -> RedisResult<Vec<String>> {
    let asked = primaries(connection).await?.into_iter();
    let asked = asked.map(|(host, port)| about(connection, "default", host, port));
    join_all(asked).await.into_iter().collect()
}

/// Where those are that have slots.
async fn primaries(connection: &ClusterConnection) -> RedisResult<BTreeSet<(String, u16)>> {
    let mut slots = redis::cmd("CLUSTER");
    let ranges: Vec<Vec<Value>> = slots.arg("SLOTS").query_async(&mut connection.clone()).await?;
    let mut primaries = BTreeSet::new();
    for range in ranges {
        // The first slot, the last slot, the primary, its replicas.
        let Some(Value::Array(primary)) = range.into_iter().nth(2) else { continue };
        if let [host, port, ..] = &primary[..] {
            primaries.insert((String::from_redis_value_ref(host)?, u16::from_redis_value_ref(port)?));
        }
    }
    Ok(primaries)
}

async fn about(connection: &ClusterConnection, section: &str, host: String, port: u16) -> RedisResult<String> {
    let mut info = redis::cmd("INFO");
    info.arg(section);
    let there = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
    let about = connection.clone().route_command(info, there).await?;
    Ok(String::from_redis_value(about)?)
}
