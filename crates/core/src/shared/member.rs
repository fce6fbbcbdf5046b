//! A node among those that share limits.

use crate::decision::Decision;

/// A node among those that share limits, for a drain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node that shares limits with others",
    note = "`portcullis_redis::Cluster` is"
)]
pub trait Member: Send + Sync + 'static {
    /// Called when the server begins to stop: the node takes nothing more, and gives back what it does not use. What
    /// its connections hold is given back as they end. Must not block.
    fn drain(&self);

    /// Called when the connections have ended and the process may end at any moment. The decision is made when the
    /// other nodes know that everything the node held is free, or cannot be reached.
    fn drained(&self) -> Decision<()>;
}
