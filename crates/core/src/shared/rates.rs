//! Handshakes a second, of all nodes together.

use std::time::Duration;

use super::{Away, Deadline, Name};
use crate::decision::Decision;

/// A quota of handshakes, or of messages.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// After so long there is one more.
    pub interval: Duration,
    /// So many are there at once, at most.
    pub burst: u32,
}

/// The answer to a charge: admitted, to be asked again after a time, or the store cannot be asked.
pub type Charged = Decision<Result<Result<(), Duration>, Away>>;

/// A store of rates that count on all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count handshakes for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareRates: Send + Sync + 'static {
    /// What a value of a kind is called on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// How long the layers of a handshake wait in all.
    fn patience(&self) -> Duration;

    /// Charges one handshake.
    fn charge(&self, name: Name, rate: Rate, by: Deadline) -> Charged;
}
