//! The servers of this package, on axum.

mod by_hand;
mod ours;
mod serve;

use std::time::Duration;

pub(crate) use self::serve::serve;

/// Scaled down, so that nobody waits for minutes.
const SOON: Duration = Duration::from_millis(1500);

/// Bytes of one message.
const SIZE: usize = 64 * 1024;

/// Bytes of one connection at once, and half as many a second, if so many messages are.
fn bytes(burst: u32) -> u32 {
    if burst > 1000 { u32::MAX } else { 256 * 1024 }
}
