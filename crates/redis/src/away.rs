//! What layers do while the store is unreachable.

use std::{num::NonZeroUsize, time::Duration};

use portcullis_core::shared::Away;

/// What layers do while the store is unreachable. Each node still enforces its own limit.
///
/// ```
/// use std::num::NonZeroUsize;
/// use portcullis_redis::{Away, Cluster, Denied, PermitRequest, WhenAway};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// // Nothing listens on this port, as while Redis is down. `lazy` starts all the same.
/// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
/// let cluster = cluster.nodes(NonZeroUsize::new(4).unwrap()).build().await?;
///
/// let limit = 10;
/// for (when_away, admits) in [(WhenAway::Refuse, 0), (WhenAway::Share, 3), (WhenAway::Alone, 10)] {
///     let cluster = cluster.when_away(when_away); // as for a single layer
///     let wanted = [PermitRequest::new(cluster.name("subject", "alice"), limit)];
///     match cluster.take(&wanted, cluster.deadline(), |_| {}).await {
///         Err(Denied::Away(away)) => assert_eq!(away.of(limit), admits, "{when_away:?}"),
///         other => panic!("{other:?}"),
///     }
/// }
/// # Ok(()) }
/// ```
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
