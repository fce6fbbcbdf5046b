//! Limits over several nodes, on Redis or Valkey.
//!
//! A service with two nodes has every limit twice: a client that one node refuses is admitted by the other. With this
//! crate, the nodes count together.
//!
//! - A node's own counts decide first, and always hold. So Redis is never flooded, and no state is without a limit.
//! - A node holds a lease, instead of one for each connection. When a node dies, what it held is free once its lease
//!   has expired.
//! - A handshake asks Redis within one [`deadline`](Builder::deadline) for all layers. After three handshakes without
//!   an answer no other asks, until Redis has answered a beat.
//! - Messages never wait for Redis. A node buys messages of a shared quota ahead, in blocks, and spends them; an answer
//!   that is late counts as if Redis were away.
//! - While Redis cannot be reached, layers do what [`WhenAway`] says. None of its values means "no limit".
//! - What concerns live connections, such as revocations and commands to close, is sent to all nodes in one stream.
//!   Each node has a copy of all revocations and decides by it, so that handshakes need not ask. A copy that may have
//!   been incomplete for [`stale_after`](Builder::stale_after) admits no handshake.
//! - When Redis loses its data, the nodes report what they hold and restore revocations before any handshake is
//!   admitted by the new data. An empty store is not relied on for three beats: it may be new, or have lost its data.
//! - Times that two nodes compare are those of the server. A node's own clock may be wrong.
//! - Redis contains no names of users, tokens or addresses, neither in keys nor in values: names are hashed with a
//!   secret. The reasons of close frames are stored as they are.
//!
//! **What this does not do**: keep a limit during a failover to a replica that lags. Writes that were acknowledged and
//! not replicated are lost until the nodes report them again; set `min-replicas-to-write 1` against a primary that is
//! cut off. Nor is it for nodes in several regions: a round trip of 80 ms is too long for a handshake. And any program
//! that can write to Redis can lift limits, revoke tokens and close connections: use TLS, and a Redis user with no more
//! than these rights, for the namespace `portcullis` (and `+cluster|slots` for a Redis Cluster):
//!
//! ```text
//! ~portcullis:* resetchannels -@all +eval +evalsha +info +ping +select +time +exists +zadd +zrem +zcard +zscore
//! +zincrby +zrange +zpopmin +zremrangebyscore +get +set +pexpire +hget +hset +hsetnx +hdel +hvals +hkeys +hincrby
//! +xadd +xread +xinfo|stream
//! ```
//!
//! # How nodes count together
//!
//! **Nodes** beat every second, which renews a lease of ten. What a node holds is stored with the number of its lease,
//! so all of it is void when the lease has expired, without having to be given back. A node that stood still for
//! longer than its lease knows by its own clock, before it admits a connection: [`OnFenced`] says what becomes of its
//! connections.
//!
//! **Permits** of a key, such as a user, are a set with a member for each connection. A script adds one if there is
//! room, so two nodes that ask for the last place at the same moment cannot both have it. Where the oldest connection
//! makes room, the script decides which that is by the server's clock, and its node is told to close it.
//!
//! **A limit on the whole service** would be too large a set. Each node has an allotment of it, which grows and shrinks
//! by a sixteenth of the node's share. So a service may be full when up to a sixteenth of its places is spare on some
//! node.
//!
//! **Rates of handshakes** are one number for each key: when the whole burst would be there again. The key expires
//! then.
//!
//! **Quotas of messages** are the same number, from which a node buys a block of messages at a time. It spends them
//! without asking, buys the next block when half of one is left, and gives back what it has not spent when the last
//! connection of the key has ended. In any time, each node on which a key has connections may pass up to two blocks
//! more than the quota.
//!
//! **Revocations and commands** go through a stream that each node reads in order. Revocations are kept in a set as
//! well, for as long as they must be remembered: a node that starts, or was away for too long, reads that.
//!
//! ```text
//!          node 1                              Redis                             node 2
//!   beat ──────────────────────────▶ lease of node 1
//!   handshake: take alice ─────────▶ {alice}: 1:17, 2:4   ◀───────── handshake: take alice
//!              ◀── granted, or full                              granted, or full ──▶
//!   message: spend a block
//!              buy the next ───────▶ {alice}: messages left ◀─────── buy the next
//!   revoke alice's tokens ─────────▶ stream, and set ─────────────▶ close, refuse
//! ```
//!
//! # How long a handshake takes
//!
//! Layers ask one after the other, a round trip each, and all of them within one [`deadline`](Builder::deadline). On
//! one host a round trip is about a quarter of a millisecond, so a handshake that asks for a rate, a permit of its user
//! and a ticket takes one millisecond longer than without Redis. Messages take no longer. Revocations are looked up in
//! memory.
//!
//! What a node may not admit alone it refuses without asking, so a flood at one node does not reach Redis.
//!
//! # Which Redis
//!
//! Redis 6.2 or later, or Valkey, with `maxmemory-policy noeviction`, because the limit of an evicted key would start
//! anew. Use a server of its own, or a database that other programs do not fill. If your load balancer can send all
//! connections of a subject to one node, limits per subject are exact without any of this.
//!
//! # Metrics and events
//!
//! With feature `metrics`: `portcullis_cluster_ready` (gauge; 1 while limits count for all nodes),
//! `portcullis_cluster_stale` (gauge; 1 while this node may not know all revocations) and
//! `portcullis_cluster_events_total` (counter, by `event`: the fields of [`Events`]).
//! `portcullis_cluster_purchases_total` (counter) is the number of purchases of messages, by `outcome`: `sold`,
//! `refused`, `away`, or `crowded` if too many purchases were waiting. With feature `tracing`, a warning is logged when
//! limits are no longer shared, with the reason, when the copy of all revocations is stale, when Redis answers with an
//! error (at most every ten seconds), and when commands may have been lost to this node. [`Cluster::health`] has the
//! same, for a readiness probe.
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
//! | Redis cannot be reached | are refused (503, 1013) and can be used later; with [`WhenAway::Alone`], each is accepted once on each node | apply on their own node at once, and on the others when Redis is back; copies are used for [`stale_after`](Builder::stale_after), and longer with `Alone` | are carried out on their own node, and the caller learns that the others were not told |
//! | a node is cut off | as above, on that node | it receives all of them when it is back | it receives those among the last 100,000 entries; a gap is counted and logged |
//! | Redis has lost its data | used ones can be used again until they expire, so let them live for a minute | are restored by every node that has them | those of the moment before are lost; use a revocation for what must not be lost |
//! | a command is read twice | | no effect | no effect: it is for connections that were open when it was sent |
//!
//! `revoke_id(..).await` and `close(..).await` return whether the store has accepted the message. It is sent whether or
//! not the result is awaited, and the messages of one node arrive in the order in which they were sent. If the store
//! can be reached, the result takes a beat at most.
//!
//! Each node needs memory for its copy of all revocations, and reads all of them when it starts and after a gap. This
//! suits some hundred thousand revocations that are remembered at a time. Each node has a connection of its own for
//! reading.
//!
//! # A store without layers
//!
//! [`Cluster`] has the same for code that is not a Tower service, such as a job that takes a place for as long as it
//! runs. Each method says what it admits and refuses.
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
mod life;
mod link;
mod lock;
mod node;
mod observe;
mod permits;
mod places;
mod quota;
mod rate;
mod reading;
mod script;
mod servers;
mod sharing;
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
