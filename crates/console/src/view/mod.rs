//! What is shown, as JSON. All text that a peer may have written is a string in it, and nothing else.

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

/// Milliseconds since 1970, as scripts count.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
