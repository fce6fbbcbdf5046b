//! What layers do while the store is unreachable.
//!
//! There is deliberately no variant that lifts a limit: without the store, a node still enforces its own.

use std::{num::NonZeroUsize, time::Duration};

/// The store was not reached in time, and this is what the application wants to happen then. Each node still enforces
/// its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Away {
    /// New handshakes are refused.
    Refuse {
        /// Their `Retry-After`.
        retry_after: Duration,
    },
    /// Each node has its share of the limit.
    Share {
        /// How many nodes were alive when the store last answered.
        nodes: NonZeroUsize,
    },
    /// Each node has the whole limit.
    Alone,
}

impl Away {
    /// Returns how much of a limit this node may use.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, time::Duration};
    /// use portcullis_core::shared::Away;
    ///
    /// let nodes = NonZeroUsize::new(4).unwrap();
    /// assert_eq!(Away::Share { nodes }.of(10), 3, "a share is rounded up");
    /// assert_eq!(Away::Alone.of(10), 10);
    /// assert_eq!(Away::Refuse { retry_after: Duration::from_secs(1) }.of(10), 0);
    /// ```
    pub fn of(self, limit: usize) -> usize {
        match self {
            Self::Refuse { .. } => 0,
            Self::Share { nodes } => limit.div_ceil(nodes.get()),
            Self::Alone => limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_at_least_one_place_and_never_more_than_the_limit() {
        for (limit, nodes, share) in [(0, 3, 0), (1, 1, 1), (1, 10, 1), (5, 2, 3), (6, 2, 3), (100, 7, 15)] {
            let away = Away::Share { nodes: NonZeroUsize::new(nodes).unwrap() };
            assert_eq!(away.of(limit), share, "{limit} over {nodes}");
        }
    }
}
