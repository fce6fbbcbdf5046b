//! What a node is set to, once the builder has checked it, and what becomes of its connections when its lease has run
//! out.

use std::{num::NonZeroUsize, time::Duration};

use crate::{
    key::{Keys, Secret},
    link::Client,
};

/// What happens to a node's connections when its lease has expired. The node was stopped or cut off for longer than its
/// lease, and other nodes may have been granted what it held.
///
/// A node cannot tell how much of it was granted to others, only that it may have been. So either all of its
/// connections stay, and limits may be exceeded by what the node held, or all of them are closed. Close them where a
/// limit must never be exceeded for long, such as paid seats; keep them where a pause of the machine should not end
/// every session.
///
/// This is not about Redis being away. As long as the lease cannot be asked for, connections stay in any case, and the
/// leases of all nodes stand still while Redis does.
///
/// ```
/// use std::time::Duration;
/// use portcullis_redis::{Cluster, OnFenced};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// // A long lease makes it rare, and lets others wait longer for a node that was killed.
/// let builder = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
/// let cluster = builder.lease(Duration::from_secs(30)).on_fenced(OnFenced::Close).build().await?;
/// assert_eq!(cluster.health().events.fenced, 0); // counts how often it happened
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFenced {
    /// The connections stay open, and the store is told of them again. Keys may exceed their limits by what this node
    /// held, until connections end. If the limit evicts the oldest connection, that happens at once.
    #[default]
    Keep,
    /// The connections are closed with 1012.
    Close,
}

/// What a node is set to. Its `Debug` shows neither the secret nor the password in the URL.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Makes connections.
    pub(crate) client: Client,
    /// What things are called in the store.
    pub(crate) keys: Keys,
    /// What users are called there.
    pub(crate) secret: Secret,
    /// How long the node lives in the eyes of others without a beat.
    pub(crate) lease: Duration,
    /// How often it beats.
    pub(crate) beat: Duration,
    /// How long all layers of a handshake wait together.
    pub(crate) deadline: Duration,
    /// How old the copy of revocations may become.
    pub(crate) stale_after: Duration,
    pub(crate) on_fenced: OnFenced,
    /// How many nodes there are, as long as no beat has said it.
    pub(crate) nodes: Option<NonZeroUsize>,
}

impl Settings {
    /// How long the node waits where no handshake does. Never less than a handshake waits: the connection is the same,
    /// and what is late for the one would be in time for the other.
    pub(crate) fn patience(&self) -> Duration {
        self.beat.max(self.deadline)
    }
}
