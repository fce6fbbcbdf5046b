//! A node among those that share limits.

use crate::decision::Decision;

/// A node among those that share limits, as its drain sees it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node that shares limits with others",
    note = "`portcullis_redis::Cluster` is"
)]
pub trait Member: Send + Sync + 'static {
    /// The server stops: from here on the node takes nothing more, and gives back what it has and does not use. What
    /// its connections hold is given back as they end. Must not block.
    fn drain(&self);

    /// The connections have ended, and the process may end at any moment. Ready when the others know that what they
    /// held is free, or cannot be told.
    fn drained(&self) -> Decision<()>;
}
