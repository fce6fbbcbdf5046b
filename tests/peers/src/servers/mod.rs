//! The servers of this package, on axum.

mod by_hand;
mod ours;
mod serve;

use std::time::Duration;

pub(crate) use self::serve::serve;

/// Scaled down, so that audits do not take minutes.
const SOON: Duration = Duration::from_millis(1500);

/// Bytes per message.
const SIZE: usize = 64 * 1024;

/// Bytes per connection at once, and half as many per second, for this burst.
fn bytes(burst: u32) -> u32 {
    if burst > 1000 { u32::MAX } else { 256 * 1024 }
}
