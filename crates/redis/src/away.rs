//! What layers do while the store cannot be asked.

use std::{num::NonZeroUsize, time::Duration};

use portcullis_core::shared::Away;

/// What layers do while the store cannot be asked. The limit of each node stands in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenAway {
    /// Refuses newcomers.
    Refuse,
    /// Gives each node its share of the limit: the limit, divided by the nodes that were last alive and rounded up. A
    /// limit of one over ten nodes is one on each.
    #[default]
    Share,
    /// Gives each node the whole limit.
    Alone,
}

impl WhenAway {
    /// What it means where so many nodes were last alive. Where that is not known, nobody has a share.
    pub(crate) fn away(self, nodes: Option<NonZeroUsize>, retry_after: Duration) -> Away {
        match (self, nodes) {
            (Self::Alone, _) => Away::Alone,
            (Self::Share, Some(nodes)) => Away::Share { nodes },
            (Self::Share, None) | (Self::Refuse, _) => Away::Refuse { retry_after },
        }
    }
}
