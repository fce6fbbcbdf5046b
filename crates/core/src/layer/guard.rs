//! The layer that sets what holds for a connection.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    settings::{Closing, Framing, Settings},
    upgrade::{self, ResponseFuture},
};

/// Guards the connection behind a handshake, without a policy: framing rules, and a close that always arrives.
///
/// Other layers do this themselves where it was not done; this one changes what holds, wherever it stands among them.
/// Of several the outermost counts.
///
/// # Defaults
///
/// Framing rules enforced; a closing connection is taken from its handler after 50 ms without output, or 1 s; closing
/// handshakes take at most 5 s and 8 MiB, and 10,000 at once; upgrades to anything but WebSocket are prevented.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct GuardLayer {
    settings: Arc<Settings>,
}

impl GuardLayer {
    /// A guard with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Frames that break RFC 6455's framing rules are counted and passed on, so that a migration is safe.
    pub fn framing_report_only(self) -> Self {
        self.set(|settings| settings.framing = Framing::ReportOnly)
    }

    /// How long a closing connection's outbound side must be quiet before it is taken from its handler.
    pub fn quiet(self, time: Duration) -> Self {
        self.set(|settings| settings.quiet = time)
    }

    /// How long a closing connection's handler may go on answering.
    pub fn grace(self, time: Duration) -> Self {
        self.set(|settings| settings.grace = time)
    }

    /// The bounds of the closing handshake.
    pub fn closing(self, closing: Closing) -> Self {
        self.set(|settings| settings.closing = closing)
    }

    /// Lets requests that are no WebSocket handshakes be upgraded to something else, unguarded.
    pub fn allow_other_upgrades(self) -> Self {
        self.set(|settings| settings.other_upgrades = true)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, settings: self.settings.clone() }
    }
}

/// The service of [`GuardLayer`].
#[derive(Debug, Clone)]
pub struct GuardService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for GuardService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::call_with(&mut self.inner, request, &self.settings, |_, _| Ok(None))
    }
}
