//! What a node is set to, and what becomes of its connections when its lease has run out.

use std::{num::NonZeroUsize, time::Duration};

use crate::{
    key::{Keys, Secret},
    link::Client,
};

/// What happens to a node's connections when its lease has expired. The node was stopped or cut off for longer than its
/// lease, and other nodes may have been granted what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFenced {
    /// The connections stay open, and the store is told of them again. Keys may exceed their limits by what this node
    /// held, until connections end. If the limit evicts the oldest connection, that happens at once.
    #[default]
    Keep,
    /// The connections are closed with 1012.
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
