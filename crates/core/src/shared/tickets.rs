//! Tickets that are good once over all nodes.

use std::time::Duration;

use super::{Away, Deadline, Name};
use crate::decision::Decision;

/// The answer to a spend: whether this was the first use, or the store cannot be asked.
pub type Spent = Decision<Result<bool, Away>>;

/// A store of tickets that were used, on whichever node.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not remember tickets for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareTickets: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Returns how long the layers of a handshake wait in all.
    fn patience(&self) -> Duration;

    /// Uses a ticket, and remembers it for at least `life`. Of two concurrent calls, on whichever nodes, one is the
    /// first. A ticket cannot be divided, so a store never returns [`Away::Share`].
    ///
    /// If the decision is dropped before it is made, the ticket may have been used.
    fn spend(&self, name: Name, life: Duration, by: Deadline) -> Spent;
}
