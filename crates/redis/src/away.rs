//! What layers do while the store is unreachable.

use std::{num::NonZeroUsize, time::Duration};

use portcullis_core::shared::Away;

/// What layers do while the store is unreachable. Each node still enforces its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenAway {
    /// Refuses new handshakes with 503 and `Retry-After`.
    Refuse,
    /// Gives each node a share of the limit: the limit divided by the number of nodes that were last alive, rounded up.
    /// A limit of one over ten nodes is one on each node.
    #[default]
    Share,
    /// Gives each node the whole limit.
    Alone,
}

impl WhenAway {
    /// Converts it for a number of nodes that were last alive. If that is unknown, there are no shares.
    pub(crate) fn away(self, nodes: Option<NonZeroUsize>, retry_after: Duration) -> Away {
        match (self, nodes) {
            (Self::Alone, _) => Away::Alone,
            (Self::Share, Some(nodes)) => Away::Share { nodes },
            (Self::Share, None) | (Self::Refuse, _) => Away::Refuse { retry_after },
        }
    }
}
