//! Permits that count on all nodes.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use super::{Away, Deadline, Name};
use crate::decision::Decision;

/// A limit, and whose connections count towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermitRequest {
    /// Whose.
    pub name: Name,
    /// The limit.
    pub max: usize,
    /// What happens where it is reached.
    pub when_full: WhenFull,
    /// The key has more connections than a list of them should hold, such as all of a service. Each node has an
    /// allotment of it, which grows and shrinks in blocks.
    pub pool: bool,
}

/// What happens where a limit is reached.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// A newcomer is refused.
    Refuse,
    /// The oldest makes room when the newcomer is settled. Nobody is refused.
    EvictOldest,
}

impl PermitRequest {
    /// One of at most `max` permits of a key. More are refused.
    pub const fn new(name: Name, max: usize) -> Self {
        Self { name, max, when_full: WhenFull::Refuse, pool: false }
    }

    /// The oldest makes room when the newcomer is settled. It is not refused.
    pub const fn evict_oldest(self) -> Self {
        Self { when_full: WhenFull::EvictOldest, pool: false, ..self }
    }

    /// One of a pool that is too large for a list of its permits, such as a limit on the whole service.
    pub const fn of_pool(name: Name, max: usize) -> Self {
        Self { name, max, when_full: WhenFull::Refuse, pool: true }
    }
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// A limit is reached: which of those that were asked for.
    Full(usize),
    /// The store cannot be asked in time.
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
    /// This node was away for so long that others may have been given what it held, and the user wants its connections
    /// closed then.
    Fenced,
}

/// Is told, once and from any task, that a connection must close. Must not block.
pub type OnGone = Arc<dyn Fn(Gone) + Send + Sync>;

/// The answer to a take.
pub type Taken = Decision<Result<Arc<dyn SharedPermit>, Denied>>;

/// A store of permits that count on all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not count permits for several nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait SharePermits: Send + Sync + 'static {
    /// What a value of a kind is called on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// How long the layers of a handshake wait in all.
    fn patience(&self) -> Duration;

    /// Takes a permit of each key, or none. What is dropped before it is decided takes nothing.
    fn take(&self, wanted: Vec<PermitRequest>, by: Deadline, on_gone: OnGone) -> Taken;

    /// A permit for a connection that is admitted while the store is away. The store is told of it when it is back.
    fn keep(&self, wanted: Vec<PermitRequest>, on_gone: OnGone) -> Arc<dyn SharedPermit>;
}

/// What a connection holds as long as it counts on all nodes. Given back when it is dropped.
pub trait SharedPermit: Send + Sync + 'static {
    /// The handshake was accepted: where a limit evicts and is passed, the oldest make room, wherever they are. Decides
    /// whether the store was told in time; if it was not, it is told when it is back.
    fn settle(self: Arc<Self>, by: Deadline) -> Decision<bool>;

    /// Gives up the permit of one key.
    fn leave(&self, name: Name);
}
