//! The state of a node's connection to the store, for probes and metrics.
//!
//! States are few and exclude each other. Events are counts that only grow, so that a probe that looks once in a while
//! misses none of them.

use std::num::NonZeroUsize;

/// The state of this node among those that share limits.
///
/// What handshakes and connections get in each of them:
///
/// | State | New handshakes | Live connections |
/// | --- | --- | --- |
/// | `Joined` | are decided by the counts of all nodes | |
/// | `Joining`, `Away`, `Recovering` | are decided by [`WhenAway`](crate::WhenAway) | stay, and are reported when the store is back |
/// | `Fenced` | are decided by [`WhenAway`](crate::WhenAway) | stay or are closed, by [`OnFenced`](crate::OnFenced) |
/// | `Draining` | are refused | stay, and give back what they hold as they end |
/// | `Left` | are refused if the node was drained before | are no longer counted |
///
/// A node moves between the first five by itself. The last two are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterState {
    /// The store was not reached yet. Shares need [`Builder::nodes`](crate::Builder::nodes) in this state.
    Joining,
    /// The store is reachable, and limits are shared.
    Joined,
    /// The store is empty, because its data was lost or it is new. Nodes first report what they hold, which takes three
    /// beats or longer. Layers do what [`WhenAway`](crate::WhenAway) says.
    Recovering,
    /// The store is unreachable, or three handshakes in a row were not answered in time. Layers do what
    /// [`WhenAway`](crate::WhenAway) says, without asking, until a beat is answered.
    Away,
    /// The node's lease has expired, so that others may have been granted what it held. It is joining again, and its
    /// connections are closed or not: see [`OnFenced`](crate::OnFenced).
    Fenced,
    /// The node is draining: it takes nothing more. What its connections hold counts until they end.
    Draining,
    /// The node has left.
    Left,
}

/// The state of this node, for a readiness probe.
///
/// Do not use it for a liveness probe: killing a node because the store is away only loses its connections. And think
/// twice about a readiness probe on all nodes: when the store is away, none of them is ready, and a balancer without
/// nodes refuses every client. To let layers decide, answer as below.
///
/// ```
/// use portcullis_redis::{Cluster, ClusterState};
///
/// /// The status of a readiness probe: clients are refused here only if all would be refused inside.
/// fn probe(cluster: &Cluster) -> u16 {
///     let health = cluster.health();
///     match health.state {
///         ClusterState::Joining | ClusterState::Draining | ClusterState::Left => 503,
///         _ if health.stale => 503, // no token is accepted
///         _ => 200,
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
/// assert_eq!(probe(&cluster), 503, "it has never reached its store");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The state of the node among those that share limits.
    pub state: ClusterState,
    /// How many nodes were alive and not draining when the store last answered.
    pub nodes: Option<NonZeroUsize>,
    /// The copy of all revocations may be incomplete: no handshake is admitted by it, unless
    /// [`WhenAway::Alone`](crate::WhenAway::Alone) is set. So it is before the copy was complete for the first time,
    /// and when that is longer ago than [`Builder::stale_after`](crate::Builder::stale_after). Always false on a node
    /// without `Revocations`.
    pub stale: bool,
    /// What has happened since this node started.
    pub events: Events,
}

impl Health {
    pub(crate) fn new(nodes: Option<NonZeroUsize>) -> Self {
        Self { state: ClusterState::Joining, nodes, stale: false, events: Events::default() }
    }

    /// Returns true if limits are shared at the moment, and the copy of all revocations is complete.
    ///
    /// ```
    /// use portcullis_redis::Cluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// assert!(!cluster.health().is_ready(), "nothing listens there");
    /// assert_eq!(cluster.health().events.beats, 0);
    /// # Ok(()) }
    /// ```
    pub fn is_ready(&self) -> bool {
        self.state == ClusterState::Joined && !self.stale
    }
}

/// Counts of what has happened between this node and the store, since the node was built.
///
/// With feature `metrics`, they are the counter `portcullis_cluster_events_total`. Worth an alert are `refused`, which
/// never happens in a sound setup; `fenced`, since limits may have been exceeded; `data_lost`, if the server is meant
/// to keep its data; and `gaps` and `streams_lost`, since commands may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Events {
    /// Beats that were answered.
    pub beats: u64,
    /// Connections to the store that were established.
    pub connections: u64,
    /// Requests of handshakes that failed or were not answered by their deadline. Each of them was decided by
    /// [`WhenAway`](crate::WhenAway).
    pub missed: u64,
    /// How often the circuit breaker opened because of that: three in a row. It closes when a beat, or a request that
    /// was sent before, is answered in time.
    pub broken: u64,
    /// Requests that the store answered with an error, such as a missing right or full memory. They count as not
    /// answered, so limits are not shared until the cause is mended. With feature `tracing`, the log has the error.
    pub refused: u64,
    /// How often the store had lost its data. What this node holds was reported again each time.
    pub data_lost: u64,
    /// How often this node's lease had expired. Limits may have been exceeded by what it held: see
    /// [`OnFenced`](crate::OnFenced). If it happens without a cause that is known, the machine is overloaded, or the
    /// lease too short for it.
    pub fenced: u64,
    /// Requests for permits that were dropped before it was known whether the permits had been taken.
    pub given_up: u64,
    /// Of these, how many were taken back. The two differ by those of the last beats, and by those of leases that
    /// expired.
    pub taken_back: u64,
    /// Permits that were reported to the store outside of a handshake: after it was away, and after it lost its data.
    pub said: u64,
    /// Connections of this node that were evicted by another.
    pub evicted: u64,
    /// Connections of other nodes that were asked to close to make room.
    pub told: u64,
    /// Revocations and commands of this node that the store has.
    pub sent: u64,
    /// Revocations and commands that were heard, those of this node among them.
    pub heard: u64,
    /// Entries that were read and are none of ours: other software writes to these keys, or nodes of another version.
    pub unreadable: u64,
    /// Connections that were made to read revocations and commands.
    pub readers: u64,
    /// How often all revocations were read: when the node started, and after each gap and each loss.
    pub snapshots: u64,
    /// How often commands may have been cut off before they were read. Revocations were read anew.
    pub gaps: u64,
    /// How often the stream of revocations and commands had been lost.
    pub streams_lost: u64,
    /// Revocations that the store had lost and was told again, by this node.
    pub put_back: u64,
}
