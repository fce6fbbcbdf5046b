//! What is asked for, and the answers.

use std::{error::Error, fmt, sync::Arc};

use portcullis_core::shared::{Away, Name};

/// A limit, and whose connections count towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub(crate) name: Name,
    pub(crate) most: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Refuse,
    Evict,
    Pool,
}

impl Wanted {
    /// One of at most `most` permits of a key. More are refused.
    pub const fn new(name: Name, most: usize) -> Self {
        Self { name, most, kind: Kind::Refuse }
    }

    /// The oldest makes room when the newcomer is settled. It is not refused here.
    pub const fn evict_oldest(self) -> Self {
        Self { kind: Kind::Evict, ..self }
    }

    /// One of a pool that is too large for a list of its permits, such as a limit on the whole service. Each node has an
    /// allotment of it, which grows and shrinks in blocks.
    pub const fn of_pool(name: Name, most: usize) -> Self {
        Self { name, most, kind: Kind::Pool }
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
    /// This node's lease ran out, and the user wants its connections closed then.
    Fenced,
}

/// Is told, once, that a connection must close. Must not block.
pub(crate) type OnGone = Arc<dyn Fn(Gone) + Send + Sync>;
