//! Connection ids, unique within a process.
//!
//! They are given out by a counter, so they are never reused and need no memory of which are taken. An id says how many
//! connections the process has had, so show it to operators and not to clients. On several nodes, the pair of a node's
//! id and a connection's is unique.

use std::{
    fmt,
    num::ParseIntError,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

/// Identifies a connection within this process.
///
/// It can be printed, and parsed from what was printed, for tools with which an operator closes a connection.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use portcullis_core::{Connection, ConnectionId};
///
/// let [(one, _), (other, _)] = [Connection::detached().open(), Connection::detached().open()];
/// assert_ne!(one.id(), other.id());
/// assert_eq!(one.id().to_string().parse(), Ok(one.id()));
/// assert!("all".parse::<ConnectionId>().is_err());
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// No id stands before this one.
    pub(crate) const LOWEST: Self = Self(0);

    /// Returns an id that no other connection of this process has.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Two words that are ordered as the ids are.
    pub(crate) fn halves(self) -> [u32; 2] {
        let halves = [self.0 >> 32, self.0 & u64::from(u32::MAX)];
        halves.map(|half| u32::try_from(half).unwrap_or_default())
    }

    pub(crate) fn of_halves([high, low]: [u32; 2]) -> Self {
        Self(u64::from(high) << 32 | u64::from(low))
    }

    /// One of `shards` shards. Ids are given out in turn, so the shards are of equal size.
    pub(crate) fn shard(self, shards: usize) -> usize {
        usize::try_from(self.0 % shards as u64).unwrap_or(0)
    }
}

/// Parses the digits that [`Display`](fmt::Display) prints.
impl FromStr for ConnectionId {
    type Err = ParseIntError;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        digits.parse().map(Self)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
