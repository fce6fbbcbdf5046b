//! What is reported about a connection after it was unlocked.
//!
//! It is boxed and made only when something is to be reported. Most calls pass `None` through, which is one word.

use std::time::Duration;

use super::{Peer, Scope};
use crate::counters::Counters;

/// A policy, and what it did.
pub(super) type Enforced = (&'static str, &'static str);

/// What has happened on a connection since the last report.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    pub(super) went_through: Counters,
    pub(super) round_trip: Option<Duration>,
    pub(super) violations: Vec<(Enforced, u64)>,
}

impl Delta {
    /// Must be called without the connection's lock: recorders and subscribers are foreign code, which may call the
    /// handle.
    #[cold]
    pub(crate) fn emit(self, scope: &Scope, peer: Peer<'_>) {
        let Self { went_through, round_trip, violations } = self;
        #[cfg(feature = "metrics")]
        super::metrics::went_through(&went_through);
        #[cfg(feature = "metrics")]
        if let Some(round_trip) = round_trip {
            super::metrics::answered(round_trip);
        }
        let _ = (went_through, round_trip);
        for ((policy, action), times) in violations {
            violated(scope, peer, policy, action, times);
        }
    }
}

/// Reports what was done about a violation, or about several of one kind.
pub(super) fn violated(scope: &Scope, peer: Peer<'_>, policy: &'static str, action: &'static str, times: u64) {
    #[cfg(feature = "metrics")]
    super::metrics::violated(policy, action, times);
    #[cfg(feature = "tracing")]
    super::events::violated(scope.span(), policy, action, times);
    #[cfg(feature = "observer")]
    super::notify(&super::Event::Violated { peer, policy, action, times });
    let _ = (scope, peer, policy, action, times);
}
