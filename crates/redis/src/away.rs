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
    /// A limit of one over ten nodes is one on each node. Tickets and revocations cannot be divided: for them it is the
    /// same as [`Refuse`](Self::Refuse).
    #[default]
    Share,
    /// Gives each node the whole limit. A ticket is good once on each node, and a token may be accepted though another
    /// node has revoked it.
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

    /// What it means where nothing can be shared.
    pub(crate) fn undivided(self, retry_after: Duration) -> Away {
        if self == Self::Alone { Away::Alone } else { Away::Refuse { retry_after } }
    }
}
