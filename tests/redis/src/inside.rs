//! Nodes in the test's own process, and what is really in the store.

use std::time::Duration;

use portcullis_redis::{Builder, Cluster, Health, Name};
use redis::{
    AsyncCommands,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::time::timeout;

/// The secret of all nodes.
pub const SECRET: &[u8] = b"a secret of the tests";

/// Nothing that is waited for takes so long, on a machine however busy.
const FOREVER: Duration = Duration::from_secs(60);

/// A node that waits for its server for long, and is never taken for dead: where a machine is busy, nothing is away and
/// no lease ends unless the test makes it so.
pub fn builder(url: &str) -> Builder {
    Cluster::connect(url)
        .secret(SECRET)
        .namespace("t")
        .lease(Duration::from_secs(60 * 60))
        .beat(Duration::from_millis(200))
        .deadline(Duration::from_secs(20))
}

/// A node for which limits count for all nodes. It is built where the server does not answer within a beat as well: a
/// busy one answers later.
pub async fn joined(builder: Builder) -> Cluster {
    let cluster = builder.lazy().build().await.unwrap();
    timeout(FOREVER, cluster.ready()).await.expect("the node does not join");
    cluster
}

/// Waits until something has happened.
pub async fn until(cluster: &Cluster, what: impl FnMut(&Health) -> bool) -> Health {
    let mut watch = cluster.watch();
    let health = timeout(FOREVER, watch.wait_for(what)).await;
    *health.unwrap_or_else(|_| panic!("it does not come: {:?}", cluster.health())).unwrap()
}

/// A connection to a store.
pub trait Connection: ConnectionLike + Send + Sync {}

impl<C: ConnectionLike + Send + Sync> Connection for C {}

/// What is really in the store.
pub struct Inside<C = MultiplexedConnection>(pub C);

impl<C: Connection> Inside<C> {
    /// The permits of a key, live or not.
    pub async fn permits(&mut self, name: Name) -> Vec<String> {
        self.0.zrange(format!("t:1:{{{name}}}:s"), 0, -1).await.unwrap()
    }

    /// Those that must close.
    pub async fn closing(&mut self, name: Name) -> Vec<String> {
        self.0.zrange(format!("t:1:{{{name}}}:c"), 0, -1).await.unwrap()
    }

    /// How many places of a pool are allotted.
    pub async fn allotted(&mut self, name: Name) -> usize {
        let places: Vec<usize> = self.0.hvals(format!("t:1:{{{name}}}:a")).await.unwrap();
        places.into_iter().sum()
    }

    /// How many of them a node has.
    pub async fn allotment(&mut self, name: Name, incarnation: u64) -> usize {
        let places: Option<usize> = self.0.hget(format!("t:1:{{{name}}}:a"), incarnation).await.unwrap();
        places.unwrap_or_default()
    }

    /// The incarnations that live.
    pub async fn nodes(&mut self) -> Vec<u64> {
        self.0.zrange("t:1:{n}:live", 0, -1).await.unwrap()
    }

    /// How many commands the server has been sent.
    pub async fn commands(&mut self) -> u64 {
        let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut self.0).await.unwrap();
        let line = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.unwrap().trim().parse().unwrap()
    }
}
