//! How a server says who gets close codes, and which.

use std::sync::Arc;

use http::StatusCode;
use portcullis_core::{CloseCode, refusal::Kind};
use tower_layer::Layer;

use crate::{
    service::CloseService,
    settings::{Settings, Who},
    table::Preset,
};

/// Turns refused handshakes into what their clients can read. Stands outermost; the crate's page has the rules.
#[derive(Debug, Clone)]
#[must_use]
pub struct CloseLayer {
    settings: Arc<Settings>,
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
        Self { settings: Arc::new(Settings::new(who)) }
    }

    /// 4000 and the HTTP status instead of registered codes: 4401, 4403, 4429.
    pub fn private_codes(self) -> Self {
        self.set(|settings| settings.table.preset = Preset::Private)
    }

    /// The code for one kind of refusal. Goes before any other.
    ///
    /// ```
    /// use portcullis_close::CloseLayer;
    /// use portcullis_core::{CloseCode, refusal::Kind};
    ///
    /// let layer = CloseLayer::new().kind(Kind::TOKEN_EXPIRED, CloseCode::new(4001)?);
    /// // Kinds of your own layers have a name of yours.
    /// let layer = layer.kind(Kind::new("not_a_member"), CloseCode::FORBIDDEN);
    /// # let _ = layer;
    /// # Ok::<_, portcullis_core::close::InvalidCloseCode>(())
    /// ```
    pub fn kind(self, kind: Kind, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.kinds.insert(kind, code);
        })
    }

    /// The code for one status.
    pub fn status(self, status: StatusCode, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.statuses.insert(status, code);
        })
    }

    /// How many handshakes may be accepted at once only to be closed: each counts from its answer to the end of its
    /// closing handshake. 1,000 by default; beyond that the status goes out. With zero it goes out to everybody.
    ///
    /// The guard bounds the closing handshakes of the whole process, with
    /// [`Closing::max_concurrent`](portcullis_core::settings::Closing::max_concurrent), which should be larger.
    pub fn max_concurrent(self, handshakes: usize) -> Self {
        self.set(|settings| settings.max_concurrent = handshakes)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl Default for CloseLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CloseLayer {
    type Service = CloseService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CloseService::new(inner, self.settings.clone())
    }
}
