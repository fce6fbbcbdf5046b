//! Permits that are counted over all nodes.
//!
//! A permit passes through three calls: `take` in the handshake, of all keys or of none; `settle` when the handshake
//! was accepted, which is when others make room; and its drop, when the connection has ended. A handshake that fails in
//! between has taken a permit and evicted no one.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use super::{Away, Deadline, Name};
use crate::decision::Decision;

/// A request for a permit: a limit and the key whose connections count towards it.
///
/// ```
/// use portcullis_core::shared::{Name, PermitRequest, WhenFull};
///
/// let alice = Name::from_bytes([1; 16]);
/// let five = PermitRequest::new(alice, 5);
/// assert_eq!((five.max, five.when_full, five.pool), (5, WhenFull::Refuse, false));
/// assert_eq!(five.evict_oldest().when_full, WhenFull::EvictOldest);
/// assert!(PermitRequest::of_pool(alice, 100_000).pool);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermitRequest {
    /// The key.
    pub name: Name,
    /// The limit.
    pub max: usize,
    /// What happens when the limit is reached.
    pub when_full: WhenFull,
    /// The key has too many connections for a list of them, such as all connections of a service. Each node then has an
    /// allotment, which grows and shrinks in blocks.
    pub pool: bool,
}

/// What happens when a limit is reached.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// A new connection is refused.
    Refuse,
    /// The oldest connection is evicted when the new one is settled. None is refused.
    EvictOldest,
}

impl PermitRequest {
    /// Requests one of at most `max` permits of a key. More are refused.
    pub const fn new(name: Name, max: usize) -> Self {
        Self { name, max, when_full: WhenFull::Refuse, pool: false }
    }

    /// Evicts the oldest connection when the new one is settled, instead of refusing it.
    pub const fn evict_oldest(self) -> Self {
        Self { when_full: WhenFull::EvictOldest, pool: false, ..self }
    }

    /// Requests one of a pool that is too large for a list of its permits, such as a limit on the whole service.
    pub const fn of_pool(name: Name, max: usize) -> Self {
        Self { name, max, when_full: WhenFull::Refuse, pool: true }
    }
}

/// The error for a permit that was not granted.
///
/// ```
/// use portcullis_core::shared::{Away, Denied};
///
/// assert_eq!(Denied::Full(0).to_string(), "the limit is reached");
/// assert_eq!(Denied::Away(Away::Alone).to_string(), "the store of shared limits cannot be asked");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// A limit is reached: the index of its request.
    Full(usize),
    /// The store was not reached in time.
    Away(Away),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the limit is reached",
            Self::Away(_) => "the store of shared limits cannot be asked",
        })
    }
}

impl Error for Denied {}

/// Why a connection must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gone {
    /// A newer connection, perhaps of another node, took its place.
    Replaced,
    /// This node was away for so long that others may have been granted what it held, and the application wants its
    /// connections closed then.
    Fenced,
}

/// Called once, from any task, when a connection must close. Must not block.
pub type OnGone = Arc<dyn Fn(Gone) + Send + Sync>;

/// The result of taking permits.
pub type Taken = Decision<Result<Arc<dyn SharedPermit>, Denied>>;

/// A store of permits that are counted over all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count permits for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait SharePermits: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Returns how long the layers of a handshake wait in all.
    fn patience(&self) -> Duration;

    /// Takes a permit of each key, or none. Dropping the decision before it is made takes nothing.
    fn take(&self, wanted: Vec<PermitRequest>, by: Deadline, on_gone: OnGone) -> Taken;

    /// Returns a permit for a connection that is admitted while the store is away. The store is notified when it is
    /// back.
    fn keep(&self, wanted: Vec<PermitRequest>, on_gone: OnGone) -> Arc<dyn SharedPermit>;
}

/// A permit that a connection holds. Given back when it is dropped.
pub trait SharedPermit: Send + Sync + 'static {
    /// Called when the handshake was accepted: if a limit that evicts is exceeded, the oldest connections are closed,
    /// on whichever node they are. Returns whether the store has accepted this in time; otherwise it is notified when
    /// it is back.
    fn settle(self: Arc<Self>, by: Deadline) -> Decision<bool>;

    /// Gives up the permit of one key.
    fn leave(&self, name: Name);
}
