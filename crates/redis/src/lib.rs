//! Limits over several nodes, on Redis or Valkey.
//!
//! A service with two nodes has every limit twice: whoever is refused by the one is let in by the other. With this crate
//! the nodes count together.
//!
//! - What a node counts itself always stands, and decides first. So Redis never sees a flood, and there is no state
//!   without a limit.
//! - A node holds a lease, not each connection. When a node dies, what it held is void when its lease has run out.
//! - A handshake asks Redis, by one [`deadline`](Builder::deadline) for all layers. After three that had no answer none
//!   is asked, until Redis has answered a beat. Messages never ask.
//! - While Redis cannot be asked, layers do what [`WhenAway`] says. There is no word for "no limit".
//! - When Redis loses its data, nodes say what they hold before anybody is admitted by it.
//! - Times that two nodes compare are the server's. A node's own clock may be wrong.
//! - No user's name and no address stands in Redis, in keys or in values: names are hashed with a secret.
//!
//! **What this does not do**: hold a limit across a failover to a replica that lags. Writes that were acknowledged and not
//! replicated are lost, and said again by the nodes; set `min-replicas-to-write 1` against a primary that is cut off. It
//! is not for nodes in several regions either: a round trip of 80 ms does not belong into a handshake. And whoever can
//! write to Redis can lift limits: use TLS, and a user of its own with these rights, for the namespace `portcullis`:
//!
//! ```text
//! ~portcullis:* resetchannels -@all +eval +evalsha +script|load +info +ping +select +time +zadd +zrem +zcard +zscore
//! +zincrby +zrange +zpopmin +zremrangebyscore +get +set +pexpire +hget +hset +hsetnx +hdel +hvals +hkeys +hincrby +xadd
//! +xread
//! ```
//!
//! # Which Redis
//!
//! Redis 6.2 or later, or Valkey, with `maxmemory-policy noeviction`: a key that is evicted is a limit that begins anew.
//! A server of its own, or a database whose other users do not fill it. Where your balancer can send all connections of a
//! subject to one node, limits per subject are exact without any of this.
//!
//! # Metrics and events
//!
//! With feature `metrics`: `portcullis_cluster_ready` (gauge; 1 while limits count for all nodes) and
//! `portcullis_cluster_events_total` (counter, by `event`: the fields of [`Events`]). With feature `tracing`, a warning
//! when limits stop counting for all nodes, and why. The same is in [`Cluster::health`], for a readiness probe.
//!
//! ```no_run
//! use portcullis_redis::{Cluster, Denied, Wanted};
//!
//! # async fn example(secret: Vec<u8>) -> Result<(), portcullis_redis::BuildError> {
//! let cluster = Cluster::connect("redis://redis:6379").namespace("chat").secret(secret).build().await?;
//! cluster.ready().await;
//!
//! // One connection of a user, on whichever node.
//! let alice = [Wanted::new(cluster.name("subject", "alice"), 1)];
//! let first = cluster.take(&alice, cluster.deadline(), |_| {}).await;
//! assert!(first.is_ok());
//! let second = cluster.take(&alice, cluster.deadline(), |_| {}).await;
//! assert_eq!(second.unwrap_err(), Denied::Full(0));
//! # Ok(())
//! # }
//! ```

mod away;
mod builder;
mod check;
mod cluster;
mod error;
mod health;
mod key;
mod lock;
mod node;
mod observe;
mod permits;
mod places;
mod rate;
mod script;

pub use portcullis_core::shared::{Away, Deadline, Denied, Gone, Name, Rate, Wanted};

pub use crate::{
    away::WhenAway,
    builder::Builder,
    cluster::Cluster,
    error::BuildError,
    health::{Events, Health, Standing},
    node::OnFenced,
    permits::Permit,
};
