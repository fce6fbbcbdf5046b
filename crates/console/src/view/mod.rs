//! The responses of the API as JSON. Text that a peer may have written appears only as a JSON string.

mod cluster;
mod limits;
mod refusals;
mod rows;
mod summary;

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use self::{
    limits::limits,
    refusals::refusals,
    rows::{Connections, Fills, connections},
    summary::{Summary, summary},
};

/// Milliseconds since the Unix epoch, as in JavaScript.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
