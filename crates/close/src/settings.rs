//! What a [`CloseLayer`](crate::CloseLayer) was told, and how many handshakes it has accepted only to close them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::table::Table;

/// Who gets a close code instead of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Browsers,
    Everybody,
    Nobody,
}

/// The layer's settings, shared by the services that it makes.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) who: Who,
    pub(crate) table: Table,
    pub(crate) max_concurrent: usize,
    /// Handshakes that were accepted only to be closed, and are not closed yet. Copies of the settings count together.
    accepted: Arc<AtomicUsize>,
}

impl Settings {
    pub(crate) fn new(who: Who) -> Self {
        Self { who, table: Table::default(), max_concurrent: 1000, accepted: Arc::default() }
    }

    /// A place among those that are accepted, if there is one. The count is one word, changed in one step: at the
    /// limit, one that finds no place counts for a moment, and may keep another out; the limit is never exceeded.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let slot = Slot(self.accepted.clone());
        (self.accepted.fetch_add(1, Ordering::Relaxed) < self.max_concurrent).then_some(slot)
    }
}

/// A place among the handshakes that are accepted only to be closed, free again when it is dropped.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
