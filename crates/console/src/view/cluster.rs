//! The nodes, and the store that they share.

#[cfg(feature = "redis")]
use portcullis_redis::{ClusterState, Health};
use serde::Serialize;

use crate::state::State;

/// How this node stands towards the store.
#[derive(Serialize)]
pub(super) struct Cluster {
    state: &'static str,
    ready: bool,
    /// How many nodes are alive and do not drain.
    nodes: Option<usize>,
    /// The copy of all revocations may be incomplete.
    stale: bool,
    /// Counts since this node started.
    events: Vec<(&'static str, u64)>,
}

pub(super) fn cluster(state: &State) -> Option<Cluster> {
    #[cfg(feature = "redis")]
    return state.settings.cluster.as_ref().map(|cluster| of(&cluster.health()));
    #[cfg(not(feature = "redis"))]
    {
        let _ = state;
        None
    }
}

#[cfg(feature = "redis")]
fn of(health: &Health) -> Cluster {
    let state = match health.state {
        ClusterState::Joining => "joining",
        ClusterState::Joined => "joined",
        ClusterState::Recovering => "recovering",
        ClusterState::Away => "away",
        ClusterState::Fenced => "fenced",
        ClusterState::Draining => "draining",
        ClusterState::Left => "left",
        _ => "unknown",
    };
    let events = &health.events;
    Cluster {
        state,
        ready: health.is_ready(),
        nodes: health.nodes.map(std::num::NonZeroUsize::get),
        stale: health.stale,
        events: vec![
            ("beats", events.beats),
            ("connections", events.connections),
            ("missed", events.missed),
            ("breaker opened", events.broken),
            ("data lost", events.data_lost),
            ("leases expired", events.fenced),
            ("evicted", events.evicted),
            ("commands sent", events.sent),
            ("commands received", events.heard),
            ("gaps", events.gaps),
        ],
    }
}
