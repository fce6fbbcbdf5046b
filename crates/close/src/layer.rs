//! The layer and its settings.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::StatusCode;
use portcullis_core::CloseCode;
use tower_layer::Layer;

use crate::{
    service::Close,
    table::{Preset, Table},
};

/// Who gets a close code instead of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Browsers,
    Everybody,
    Nobody,
}

/// Turns refused handshakes into what their clients can read. Stands outermost; the crate's page has the rules.
#[derive(Debug, Clone)]
#[must_use]
pub struct CloseLayer {
    pub(crate) settings: Arc<Settings>,
    accepted: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) who: Who,
    pub(crate) table: Table,
    at_once: usize,
}

impl CloseLayer {
    /// Close codes for browsers, which cannot read a status; the status for others.
    pub fn new() -> Self {
        Self::with(Who::Browsers)
    }

    /// Close codes for every client.
    pub fn always() -> Self {
        Self::with(Who::Everybody)
    }

    /// The status for every client. What a refused client should be told over HTTP is still added.
    pub fn http_only() -> Self {
        Self::with(Who::Nobody)
    }

    fn with(who: Who) -> Self {
        let settings = Settings { who, table: Table::default(), at_once: 1000 };
        Self { settings: Arc::new(settings), accepted: Arc::default() }
    }

    /// 4000 and the HTTP status instead of registered codes: 4401, 4403, 4429.
    pub fn private_codes(self) -> Self {
        self.set(|settings| settings.table.preset = Preset::Private)
    }

    /// The code for one kind of refusal, such as `token_expired`. Goes before any other.
    pub fn kind(self, kind: impl Into<Cow<'static, str>>, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.kinds.insert(kind.into(), code);
        })
    }

    /// The code for one status.
    pub fn status(self, status: StatusCode, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.statuses.insert(status, code);
        })
    }

    /// How many handshakes may be accepted at once only to be closed. 1,000 by default; beyond that the status goes
    /// out.
    pub fn at_once(self, handshakes: usize) -> Self {
        self.set(|settings| settings.at_once = handshakes)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// A place among those that are accepted, if there is one.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let slot = Slot(self.accepted.clone());
        (self.accepted.fetch_add(1, Ordering::Relaxed) < self.settings.at_once).then_some(slot)
    }
}

impl Default for CloseLayer {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Layer<S> for CloseLayer {
    type Service = Close<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Close::new(inner, self.clone())
    }
}
