//! Rates of handshakes that are counted over all nodes.

use std::time::Duration;

use super::{Away, Deadline, Name};
use crate::decision::Decision;

/// A quota of handshakes, or of messages.
///
/// This struct is complete.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::shared::Rate;
///
/// // Five a second, in bursts of twenty.
/// let rate = Rate { interval: Duration::from_millis(200), burst: 20 };
/// assert_eq!(rate.interval * rate.burst, Duration::from_secs(4), "until a burst is there again");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more is allowed.
    pub interval: Duration,
    /// The size of a burst.
    pub burst: u32,
}

/// The result of a charge: admitted, refused with the time to wait, or the store is away.
pub type Charged = Decision<Result<Result<(), Duration>, Away>>;

/// A store of rates that are counted over all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count handshakes for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareRates: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Returns how long the layers of a handshake wait in all.
    fn patience(&self) -> Duration;

    /// Charges one handshake.
    fn charge(&self, name: Name, rate: Rate, by: Deadline) -> Charged;
}
