//! Quotas of messages, of all nodes together.

use std::{sync::Arc, time::Duration};

use super::{Away, Name, Rate};

/// A purchase of a quota's cells by a node.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purchase {
    /// The key whose quota it is.
    pub name: Name,
    /// The quota.
    pub rate: Rate,
    /// How many cells to buy, or as many of them as there are.
    pub want: u64,
    /// The purchase is refused if there are fewer cells than this.
    pub least: u64,
}

/// The cells that a store has granted for a purchase.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// How many cells the node may spend. Zero if the purchase is refused.
    pub cells: u64,
    /// How long until the least amount would be available, if the purchase is refused.
    pub retry_after: Duration,
    /// How long until the whole burst would be available, if no node bought any.
    pub full_in: Duration,
}

/// Receives the answers to purchases.
pub trait Buyer: Send + Sync + 'static {
    /// Called with the answer, or because the store is away: once for each purchase, from any task. Must not block.
    fn answered(&self, grant: Result<Grant, Away>);
}

/// A store of quotas that are counted over all nodes.
///
/// Messages cannot wait for a store, so a node buys cells ahead. None of these methods waits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count messages for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareQuotas: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Returns the time after which an answer is late. The node then acts as if the store were away, until the answer
    /// arrives.
    fn patience(&self) -> Duration;

    /// Returns what a node does while the store is away.
    fn away(&self) -> Away;

    /// Returns how many nodes there are, as far as is known.
    fn nodes(&self) -> usize;

    /// Begins a purchase. The buyer receives the answer, unless this returns an error.
    ///
    /// # Errors
    ///
    /// The store is away, or has too many purchases waiting.
    fn buy(&self, purchase: Purchase, buyer: Arc<dyn Buyer>) -> Result<(), Away>;

    /// Gives back cells that were bought and not spent, if the store can be reached.
    fn give_back(&self, name: Name, rate: Rate, cells: u64);
}
