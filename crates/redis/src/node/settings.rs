//! What a node is set to, and what becomes of its connections when its lease has run out.

use std::{num::NonZeroUsize, time::Duration};

use crate::{
    key::{Keys, Secret},
    link::Client,
};

/// What becomes of a node's connections when its lease has run out: it was stopped, or cut off, for longer than that,
/// and others may have been given what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFenced {
    /// They live on, and the store is told of them anew. Keys may be over their limits by what this node held of them,
    /// until connections end; where the oldest makes room, it does so at once.
    #[default]
    Keep,
    /// They are closed with 1012.
    Close,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) keys: Keys,
    pub(crate) secret: Secret,
    pub(crate) lease: Duration,
    pub(crate) beat: Duration,
    pub(crate) deadline: Duration,
    pub(crate) stale_after: Duration,
    pub(crate) on_fenced: OnFenced,
    pub(crate) nodes: Option<NonZeroUsize>,
}

impl Settings {
    /// How long the node waits where no handshake does.
    pub(crate) fn patience(&self) -> Duration {
        self.beat.max(self.deadline)
    }
}
