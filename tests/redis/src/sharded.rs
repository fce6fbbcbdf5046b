//! A Redis Cluster of one test.

use std::{ops::Range, time::Duration};

use redis::{aio::MultiplexedConnection, cluster::ClusterClient, cluster_async::ClusterConnection};
use tokio::time::sleep;
use visitor::own_address;

use crate::Server;

/// How many slots there are.
const SLOTS: usize = 16_384;

/// Nothing takes so long, on a machine however busy.
const FOREVER: Duration = Duration::from_secs(60);

const OPTIONS: [&str; 8] = [
    "--cluster-enabled",
    "yes",
    // After so many ms a primary that does not answer is taken for dead.
    "--cluster-node-timeout",
    "1000",
    // Other slots are served while those of one primary are not.
    "--cluster-require-full-coverage",
    "no",
    "--repl-diskless-sync-delay",
    "0",
];

/// Servers of a Redis Cluster. The first ones are primaries, and share the slots evenly.
pub struct Sharded {
    /// All servers.
    pub servers: Vec<Server>,
    ids: Vec<String>,
}

impl Sharded {
    /// Three primaries.
    pub async fn start() -> Self {
        const PRIMARIES: usize = 3;
        let servers: Vec<_> = (0..PRIMARIES).map(|_| Server::with(&OPTIONS)).collect();
        let mut ids = Vec::new();
        for (at, server) in servers.iter().enumerate() {
            let mut connection = server.inspect().await;
            ids.push(ask(&mut connection, &["MYID"]).await);
            ask(&mut connection, &["SET-CONFIG-EPOCH", &(at + 1).to_string()]).await;
            let Range { start, end } = SLOTS * at / PRIMARIES..SLOTS * (at + 1) / PRIMARIES;
            ask(&mut connection, &["ADDSLOTSRANGE", &start.to_string(), &(end - 1).to_string()]).await;
        }
        let cluster = Self { servers, ids };
        for at in 1..PRIMARIES {
            cluster.meet(at).await;
        }
        cluster
    }

    /// Another server, which replaces a primary that is gone.
    pub async fn add_replica(&mut self, of: usize) {
        let server = Server::with(&OPTIONS);
        let mut connection = server.inspect().await;
        self.ids.push(ask(&mut connection, &["MYID"]).await);
        self.servers.push(server);
        self.meet(self.servers.len() - 1).await;
        ask(&mut connection, &["REPLICATE", &self.ids[of]]).await;
        loop {
            let about: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await.unwrap();
            if about.contains("master_link_status:up") {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The URL of each server.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Server::url).collect()
    }

    /// A connection of the test's own.
    pub async fn inspect(&self) -> ClusterConnection {
        // The client crate's own timeouts are a second and less, and a machine may be busy for longer.
        let client = ClusterClient::builder(self.urls()).connection_timeout(FOREVER).response_timeout(FOREVER);
        client.build().unwrap().get_async_connection().await.unwrap()
    }

    /// Which slot a key is in.
    pub async fn slot(&self, key: &str) -> u16 {
        ask(&mut self.servers[0].inspect().await, &["KEYSLOT", key]).await.parse().unwrap()
    }

    /// Which server has a slot at first.
    pub fn owner(slot: u16) -> usize {
        (0..3).find(|at| (SLOTS * at / 3..SLOTS * (at + 1) / 3).contains(&slot.into())).unwrap()
    }

    /// Moves a slot from one primary to another, with its keys, as `redis-cli --cluster reshard` does.
    pub async fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let (mut source, mut target) = (self.servers[from].inspect().await, self.servers[to].inspect().await);
        ask(&mut target, &["SETSLOT", &slot, "IMPORTING", &self.ids[from]]).await;
        ask(&mut source, &["SETSLOT", &slot, "MIGRATING", &self.ids[to]]).await;
        loop {
            let mut keys = redis::cmd("CLUSTER");
            let keys: Vec<String> =
                keys.arg("GETKEYSINSLOT").arg(&slot).arg(100).query_async(&mut source).await.unwrap();
            if keys.is_empty() {
                break;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate
                .arg(own_address().to_string())
                .arg(self.servers[to].port())
                .arg("")
                .arg(0)
                .arg(5000)
                .arg("KEYS")
                .arg(keys);
            migrate.query_async::<String>(&mut source).await.unwrap();
        }
        for connection in [&mut target, &mut source] {
            ask(connection, &["SETSLOT", &slot, "NODE", &self.ids[to]]).await;
        }
    }

    /// Makes a server known to all.
    async fn meet(&self, at: usize) {
        let mut connection = self.servers[0].inspect().await;
        ask(&mut connection, &["MEET", &own_address().to_string(), &self.servers[at].port().to_string()]).await;
        for server in &self.servers {
            let mut connection = server.inspect().await;
            loop {
                let about = ask(&mut connection, &["INFO"]).await;
                let known = format!("cluster_known_nodes:{}\r", self.servers.len());
                if at + 1 < self.servers.len() || (about.contains("cluster_state:ok") && about.contains(&known)) {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// One command of `CLUSTER`, and its answer as a text.
async fn ask(connection: &mut MultiplexedConnection, words: &[&str]) -> String {
    let mut command = redis::cmd("CLUSTER");
    command.arg(words);
    command.query_async(connection).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}
