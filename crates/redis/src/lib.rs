//! Limits over several nodes, on Redis or Valkey.
//!
//! A service with two nodes has every limit twice: whoever is refused by the one is let in by the other. With this
//! crate the nodes count together.
//!
//! - What a node counts itself always stands, and decides first. So Redis never sees a flood, and there is no state
//!   without a limit.
//! - A node holds a lease, not each connection. When a node dies, what it held is void when its lease has run out.
//! - A handshake asks Redis, by one [`deadline`](Builder::deadline) for all layers. After three that had no answer none
//!   is asked, until Redis has answered a beat.
//! - No message waits for Redis. A node buys messages of a shared quota ahead, in blocks, and spends them; one that is
//!   late with its answer counts as away.
//! - While Redis cannot be asked, layers do what [`WhenAway`] says. There is no word for "no limit".
//! - What concerns live connections, a revocation or a command to close, is told to all nodes by one stream. Each node
//!   has a copy of all revocations and decides by it, so a handshake asks nobody; a copy that may not be whole for
//!   [`stale_after`](Builder::stale_after) lets nobody in.
//! - When Redis loses its data, nodes say what they hold before anybody is admitted by it, and put revocations back.
//! - Times that two nodes compare are the server's. A node's own clock may be wrong.
//! - No user's name, no token and no address stands in Redis, in keys or in values: names are hashed with a secret. The
//!   reasons of close frames stand there as they are.
//!
//! **What this does not do**: hold a limit across a failover to a replica that lags. Writes that were acknowledged and
//! not replicated are lost, and said again by the nodes; set `min-replicas-to-write 1` against a primary that is cut
//! off. It is not for nodes in several regions either: a round trip of 80 ms does not belong into a handshake. And
//! anything that can write to Redis can lift limits, revoke tokens and close connections: use TLS, and a user of its
//! own with these rights, for the namespace `portcullis` (and `+cluster|slots` for a Redis Cluster):
//!
//! ```text
//! ~portcullis:* resetchannels -@all +eval +evalsha +info +ping +select +time +exists +zadd +zrem +zcard +zscore
//! +zincrby +zrange +zpopmin +zremrangebyscore +get +set +pexpire +hget +hset +hsetnx +hdel +hvals +hkeys +hincrby
//! +xadd +xread +xinfo|stream
//! ```
//!
//! # Which Redis
//!
//! Redis 6.2 or later, or Valkey, with `maxmemory-policy noeviction`: a key that is evicted is a limit that begins
//! anew. A server of its own, or a database whose other users do not fill it. Where your balancer can send all
//! connections of a subject to one node, limits per subject are exact without any of this.
//!
//! # Metrics and events
//!
//! With feature `metrics`: `portcullis_cluster_ready` (gauge; 1 while limits count for all nodes) and
//! `portcullis_cluster_events_total` (counter, by `event`: the fields of [`Events`]).
//! `portcullis_cluster_purchases_total` (counter) is the number of purchases of messages, by `outcome`: `sold`,
//! `refused`, `away`, or `crowded` if too many purchases were waiting. With feature `tracing`, a warning is logged when
//! limits are no longer shared, with the reason, and when commands may have been lost to this node.
//! [`Cluster::health`] has the same, for a readiness probe.
//!
//! # One line a layer
//!
//! ```no_run
//! use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer, Limit};
//! use portcullis_core::Connections;
//! use portcullis_jwt::{Revocations, Tickets};
//! use portcullis_rate_limit::MessageRateLayer;
//! use portcullis_redis::{Cluster, WhenAway};
//!
//! # async fn example(secret: Vec<u8>) -> Result<(), portcullis_redis::BuildError> {
//! let cluster = Cluster::connect("rediss://redis:6379").namespace("chat").secret(secret).build().await?;
//! let rate = HandshakeRateLayer::per_second(5).burst(20).per_client_ip().shared(&cluster);
//! let service = ConnectionLimitLayer::new().global(10_000).shared(&cluster.when_away(WhenAway::Refuse));
//! let messages = MessageRateLayer::per_second(20).burst(40).per_subject().shared(&cluster);
//! let user = ConnectionLimitLayer::new().per_subject(Limit::new(5).evict_oldest()).shared(&cluster);
//! // For `JwtLayer::single_use`, `JwtLayer::revocations` and `Connections::layer`.
//! let tickets = Tickets::new(10_000).shared(&cluster);
//! let revocations = Revocations::new().shared(&cluster);
//! let connections = Connections::new().shared(&cluster);
//! # let _ = (rate, service, messages, user, tickets, revocations, connections);
//! # Ok(())
//! # }
//! ```
//!
//! # Tickets, revocations and commands
//!
//! | What happens | Tickets | Revocations | Commands |
//! | --- | --- | --- | --- |
//! | Redis cannot be asked | are refused (503, 1013) and stay good; with [`WhenAway::Alone`] good once a node | hold on their own node at once, and on the others when it is back; copies are good for [`stale_after`](Builder::stale_after), and longer with `Alone` | are carried out on their own node, and whoever gave them is told that the others were not |
//! | a node is cut off | as above, there | it hears all of them when it is back | it hears those among the last 100,000 entries; a gap is counted and logged |
//! | Redis has lost its data | used ones are good again until they expire: let them live for a minute | are put back by every node that has them | of the moment before are lost. One that must hold is a revocation |
//! | a command is read twice | | no harm | no harm: connections are meant that were there when it was sent |
//!
//! Whoever revokes or kicks learns whether the store has it: `revoke_id(..).await`, `close(..).await`. It is on its way
//! whether or not the answer is awaited, and those of one node are heard in the order in which they were given. To wait
//! for the answer takes a beat at most, if the store can be reached.
//!
//! A node needs memory for its copy of all revocations, and reads them all when it starts and after a gap: it suits
//! some hundred thousand that are remembered at a time. Nodes read on a connection of their own, each.
//!
//! # A store without layers
//!
//! ```no_run
//! use portcullis_redis::{Cluster, Denied, PermitRequest};
//!
//! # async fn example(secret: Vec<u8>) -> Result<(), portcullis_redis::BuildError> {
//! let cluster = Cluster::connect("redis://redis:6379").namespace("chat").secret(secret).build().await?;
//! cluster.ready().await;
//!
//! // One connection of a user, on whichever node.
//! let alice = [PermitRequest::new(cluster.name("subject", "alice"), 1)];
//! let first = cluster.take(&alice, cluster.deadline(), |_| {}).await;
//! assert!(first.is_ok());
//! let second = cluster.take(&alice, cluster.deadline(), |_| {}).await;
//! assert_eq!(second.unwrap_err(), Denied::Full(0));
//! # Ok(())
//! # }
//! ```

#![doc = include_str!("../docs/failures.md")]
#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod away;
mod builder;
mod bus;
mod check;
mod cluster;
mod error;
mod health;
mod key;
mod link;
mod lock;
mod node;
mod observe;
mod permits;
mod places;
mod quota;
mod rate;
mod script;
mod servers;
mod tickets;

#[doc(no_inline)]
pub use portcullis_core::shared::{Away, Deadline, Denied, Gone, Name, PermitRequest, Rate};

pub use crate::{
    away::WhenAway,
    builder::Builder,
    cluster::Cluster,
    error::BuildError,
    health::{ClusterState, Events, Health},
    node::OnFenced,
    permits::Permit,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
