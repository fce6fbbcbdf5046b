//! What layers do while the store is unreachable.
//!
//! There are three answers, and no fourth: none of them means that there is no limit. Each node counts for itself at
//! all times, so the counts by which it decides alone are warm when it has to.

use std::{num::NonZeroUsize, time::Duration};

use portcullis_core::shared::Away;

/// What layers do while the store is unreachable. Each node still enforces its own limit.
///
/// With a limit of 10 on 4 nodes, this is what is admitted while Redis is away, beside what was there before:
///
/// | | each node | all nodes | use it |
/// | --- | --- | --- | --- |
/// | `Refuse` | 0 | 0 | for what must never be exceeded, such as paid seats |
/// | `Share` | 3 | 12 | for most limits |
/// | `Alone` | 10 | 40 | against abuse, where refusing customers is worse |
///
/// "Away" is also a store that has lost its data, until it is known what nodes hold.
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
    /// Refuses new handshakes with 503 and `Retry-After`, a beat or a second, whichever is longer. Connections that
    /// live continue; messages of a shared quota are refused once what was bought is spent.
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
