//! How a node stands towards the store.

use std::num::NonZeroUsize;

/// How this node stands towards the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterState {
    /// The store has not been heard of yet.
    Joining,
    /// The store is asked.
    Joined,
    /// The store's data is new, because it was lost or has never been there: nodes say first what they hold.
    Recovering,
    /// The store cannot be reached, or does not answer in time.
    Away,
    /// The node's lease ran out, so that others may have been given what it held. It is joining anew.
    Fenced,
    /// The node drains: it takes nothing more. What its connections hold counts until they end.
    Draining,
    /// The node has left.
    Left,
}

/// How this node stands towards the store, for a readiness probe.
///
/// Not for a liveness probe: a node that is killed because the store is away loses connections for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the store is asked, and if not, why.
    pub state: ClusterState,
    /// How many nodes lived, and did not drain, when the store was last heard of.
    pub nodes: Option<NonZeroUsize>,
    /// What has happened since this node began.
    pub events: Events,
}

impl Health {
    pub(crate) fn new(nodes: Option<NonZeroUsize>) -> Self {
        Self { state: ClusterState::Joining, nodes, events: Events::default() }
    }

    /// Whether limits count for all nodes.
    pub fn is_ready(&self) -> bool {
        self.state == ClusterState::Joined
    }
}

/// What has happened between this node and the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Events {
    /// Beats that were answered.
    pub beats: u64,
    /// Connections to the store that were made.
    pub connections: u64,
    /// Questions of handshakes that were not answered by their deadline, or failed.
    pub missed: u64,
    /// How often the breaker opened because of that.
    pub broken: u64,
    /// How often data had been lost.
    pub data_lost: u64,
    /// How often this node's lease had run out.
    pub fenced: u64,
    /// Permits that were given up before it was known whether they had been taken.
    pub given_up: u64,
    /// Of these, how many were taken back.
    pub taken_back: u64,
    /// Permits that the store was told of outside of a handshake: after it was away, and after data was lost.
    pub said: u64,
    /// Connections of this node that made room for another.
    pub evicted: u64,
    /// Connections of other nodes that were told to make room.
    pub told: u64,
}
