//! What an operator sees: metrics with feature `metrics`, events with feature `tracing`.
//!
//! Nothing here is called for a handshake that goes well. What is logged is bounded by time or by changes: a state when
//! it changes, an unreachable server once for each time that it goes away, and errors of the server every ten seconds.
//! No line has a name of a user, an address of a client, or a URL, which has a password.

use crate::health::{ClusterState, Events};

/// The state has changed. Where limits no longer count for all nodes, that is a warning.
pub(crate) fn state_changed(before: ClusterState, now: ClusterState) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("portcullis_cluster_ready").set(if now == ClusterState::Joined { 1.0 } else { 0.0 });
    #[cfg(feature = "tracing")]
    match now {
        ClusterState::Away | ClusterState::Fenced | ClusterState::Recovering => {
            tracing::warn!(target: "portcullis", ?before, ?now, "limits do not count for all nodes");
        }
        _ => tracing::info!(target: "portcullis", ?before, ?now, "the store of shared limits"),
    }
    let _ = (before, now);
}

/// Something has happened. Called where the counts change, which is rare: not in a handshake that is answered in time.
pub(crate) fn happened(before: &Events, now: &Events) {
    if now.gaps > before.gaps || now.streams_lost > before.streams_lost {
        cut_off(now);
    }
    #[cfg(feature = "metrics")]
    for (event, before, now) in pairs(before, now) {
        if now > before {
            metrics::counter!("portcullis_cluster_events_total", "event" => event).increment(now - before);
        }
    }
    let _ = (before, now);
}

/// Each count by the name of its label. A field that is added to [`Events`] belongs in here, too.
#[cfg(feature = "metrics")]
fn pairs(before: &Events, now: &Events) -> [(&'static str, u64, u64); 20] {
    [
        ("beat", before.beats, now.beats),
        ("connection", before.connections, now.connections),
        ("missed", before.missed, now.missed),
        ("broken", before.broken, now.broken),
        ("refused", before.refused, now.refused),
        ("data_lost", before.data_lost, now.data_lost),
        ("fenced", before.fenced, now.fenced),
        ("given_up", before.given_up, now.given_up),
        ("taken_back", before.taken_back, now.taken_back),
        ("said", before.said, now.said),
        ("evicted", before.evicted, now.evicted),
        ("told", before.told, now.told),
        ("sent", before.sent, now.sent),
        ("heard", before.heard, now.heard),
        ("unreadable", before.unreadable, now.unreadable),
        ("reader", before.readers, now.readers),
        ("snapshot", before.snapshots, now.snapshots),
        ("gap", before.gaps, now.gaps),
        ("stream_lost", before.streams_lost, now.streams_lost),
        ("put_back", before.put_back, now.put_back),
    ]
}

/// What has become of a purchase.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Sold,
    Refused,
    Away,
    /// Too many wait already.
    Crowded,
}

/// A purchase was answered, or will not be.
pub(crate) fn purchased(outcome: Outcome) {
    #[cfg(feature = "metrics")]
    {
        let outcome = match outcome {
            Outcome::Sold => "sold",
            Outcome::Refused => "refused",
            Outcome::Away => "away",
            Outcome::Crowded => "crowded",
        };
        metrics::counter!("portcullis_cluster_purchases_total", "outcome" => outcome).increment(1);
    }
    let _ = outcome;
}

/// The store cannot be reached. Once for each time that it goes away.
pub(crate) fn unreachable(error: &redis::RedisError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "portcullis", %error, "the Redis server cannot be asked");
    let _ = error;
}

/// The store has answered with an error.
pub(crate) fn refused(error: &redis::RedisError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "portcullis", %error, "the Redis server refuses what a node needs");
    let _ = error;
}

/// Copies of what was revoked are stale from here on, or are not any longer. While they are, handshakes are refused.
/// Before they were complete for the first time, a node is about to start, and that is no warning.
pub(crate) fn stale_changed(stale: bool, was_whole: bool) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("portcullis_cluster_stale").set(if stale { 1.0 } else { 0.0 });
    #[cfg(feature = "tracing")]
    if stale && !was_whole {
        tracing::info!(target: "portcullis", "this node does not know yet what is revoked");
    } else if stale {
        tracing::warn!(target: "portcullis", "this node may not know all revocations");
    } else {
        tracing::info!(target: "portcullis", "this node knows all revocations");
    }
    let _ = (stale, was_whole);
}

/// Commands may have been lost to this node.
fn cut_off(now: &Events) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "portcullis",
        gaps = now.gaps,
        streams_lost = now.streams_lost,
        "commands to connections may have been lost before this node has read them; revocations are read anew"
    );
    let _ = now;
}

/// The node has left, and the store could not be told: what it held is void when its lease has run out.
pub(crate) fn left_unheard() {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "portcullis", "the Redis server could not be told that this node leaves");
}
