//! Quotas of messages, of all nodes together.

use std::{sync::Arc, time::Duration};

use super::{Away, Name, Rate};

/// What a node buys of a quota.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purchase {
    /// Whose quota it is.
    pub name: Name,
    /// The quota.
    pub rate: Rate,
    /// As many cells as there are, up to this.
    pub want: u64,
    /// Fewer are not sold: the purchase is refused.
    pub least: u64,
}

/// The cells that a store has granted for a purchase.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// How many cells the node may spend. Zero if the purchase is refused.
    pub cells: u64,
    /// How long until the least would be there, if the purchase is refused.
    pub retry_after: Duration,
    /// How long until the whole burst would be there, if nobody bought anything.
    pub full_in: Duration,
}

/// Is told what has become of a purchase.
pub trait Buyer: Send + Sync + 'static {
    /// The answer, or that the store cannot be asked. Called once for each purchase, from any task. Must not block.
    fn answered(&self, grant: Result<Grant, Away>);
}

/// A store of quotas that count on all nodes.
///
/// Messages cannot wait for a store, so a node buys cells ahead. None of these methods waits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count messages for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareQuotas: Send + Sync + 'static {
    /// What a value of a kind is called on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// After how long an answer is late. The node goes on as if the store were away until the answer is there.
    fn patience(&self) -> Duration;

    /// What a node does while the store is away.
    fn away(&self) -> Away;

    /// How many nodes there are, as far as is known.
    fn nodes(&self) -> usize;

    /// Begins a purchase. The buyer is told of the answer, unless this returns an error.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or not now because it has too many questions before it.
    fn buy(&self, purchase: Purchase, buyer: Arc<dyn Buyer>) -> Result<(), Away>;

    /// Gives back cells that were bought and not spent, if the store can be told.
    fn give_back(&self, name: Name, rate: Rate, cells: u64);
}
