//! The builder: which clients get close codes, and which codes.

use std::sync::Arc;

use http::StatusCode;
use portcullis_core::{CloseCode, refusal::Kind};
use tower_layer::Layer;

use crate::{
    service::CloseService,
    settings::{Recipients, Settings},
    table::Preset,
};

/// Answers refused handshakes in a form that the client can read: a close code or an HTTP status.
///
/// Put it outermost. The [crate's page](crate) lists the rules and the default codes.
#[derive(Debug, Clone)]
#[must_use]
pub struct CloseLayer {
    settings: Arc<Settings>,
}

impl CloseLayer {
    /// Close codes for browsers, which cannot read the status of a handshake; the status for other clients.
    ///
    /// A client that sends `Origin` or `Sec-WebSocket-Protocol` counts as a browser.
    pub fn new() -> Self {
        Self::with(Recipients::Browsers)
    }

    /// Close codes for every client, also for those that could read a status.
    pub fn always() -> Self {
        Self::with(Recipients::Everybody)
    }

    /// The status for every client. The headers that a refused handshake needs (`Connection: close`,
    /// `Sec-WebSocket-Version`) are still added.
    pub fn http_only() -> Self {
        Self::with(Recipients::Nobody)
    }

    fn with(recipients: Recipients) -> Self {
        Self { settings: Arc::new(Settings::new(recipients)) }
    }

    /// Uses private codes, 4000 plus the HTTP status, instead of registered ones: 4401, 4403, 4429.
    pub fn private_codes(self) -> Self {
        self.set(|settings| settings.table.preset = Preset::Private)
    }

    /// Sets the code for one kind of refusal. It takes precedence over [`status`](Self::status) and over the code that
    /// the refusing layer chose.
    ///
    /// ```
    /// use portcullis_close::CloseLayer;
    /// use portcullis_core::{CloseCode, refusal::Kind};
    ///
    /// let layer = CloseLayer::new().kind(Kind::TOKEN_EXPIRED, CloseCode::new(4001)?);
    /// // The kinds of your own layers have names that you choose.
    /// let layer = layer.kind(Kind::new("not_a_member"), CloseCode::FORBIDDEN);
    /// # let _ = layer;
    /// # Ok::<_, portcullis_core::close::InvalidCloseCode>(())
    /// ```
    pub fn kind(self, kind: Kind, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.kinds.insert(kind, code);
        })
    }

    /// Sets the code for one HTTP status. It takes precedence over the code that the refusing layer chose.
    pub fn status(self, status: StatusCode, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.statuses.insert(status, code);
        })
    }

    /// Sets how many handshakes may be accepted at a time only to be closed. The default is 1,000.
    ///
    /// Each counts from its response to the end of its closing handshake. Beyond the limit clients get the status; with
    /// zero, all of them do.
    ///
    /// [`Closing::max_concurrent`](portcullis_core::settings::Closing::max_concurrent) limits the closing handshakes of
    /// the whole process, and should be larger than this.
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
