//! The settings of a [`CloseLayer`](crate::CloseLayer), and the count of handshakes accepted only to be closed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::table::Table;

/// Who gets a close code instead of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipients {
    Browsers,
    All,
    None,
}

/// The layer's settings, shared by its services.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) recipients: Recipients,
    pub(crate) table: Table,
    pub(crate) max_concurrent: usize,
    /// Handshakes that were accepted only to be closed and are still open. Copies of the settings share the count.
    accepted: Arc<AtomicUsize>,
}

impl Settings {
    pub(crate) fn new(recipients: Recipients) -> Self {
        Self { recipients, table: Table::default(), max_concurrent: 1000, accepted: Arc::default() }
    }

    /// Takes a slot, if one is free.
    ///
    /// The count is a single atomic. At the limit a failed attempt is counted for a moment and may make another attempt
    /// fail that would have found a slot; the limit itself is never exceeded.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let slot = Slot(self.accepted.clone());
        (self.accepted.fetch_add(1, Ordering::Relaxed) < self.max_concurrent).then_some(slot)
    }
}

/// One of the handshakes accepted only to be closed. Dropping it frees the slot.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
