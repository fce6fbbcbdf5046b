//! The span of a connection, and nothing without feature `tracing`.
//!
//! The span is opened by the outermost layer that guards, so that what the layers inside log belongs to the connection.
//! Client and subject are recorded as they become known. A handler keeps a span of its own, if the application has
//! opened one inside of this.

use std::net::IpAddr;

use crate::{id::ConnectionId, identity::Subject};

/// What a connection's services and its handler run in.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl Scope {
    pub(crate) fn new(id: ConnectionId) -> Self {
        Self { span: super::events::span(id) }
    }

    pub(crate) fn span(&self) -> &tracing::Span {
        &self.span
    }

    /// What runs now, most often inside of this; or this, where nothing says what that is.
    pub(crate) fn or_current(&self) -> Self {
        let current = tracing::Span::current();
        if current.is_none() { self.clone() } else { Self { span: current } }
    }

    pub(crate) fn run<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.in_scope(run)
    }

    pub(crate) fn record_client_ip(&self, client: IpAddr) {
        self.span.record("client", tracing::field::display(client));
    }

    pub(crate) fn record_subject(&self, subject: &Subject) {
        self.span.record("subject", subject.as_str());
        if let Some(issuer) = subject.issuer() {
            self.span.record("issuer", issuer);
        }
    }
}

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "there is a span with feature `tracing`")]
impl Scope {
    pub(crate) fn new(_: ConnectionId) -> Self {
        Self {}
    }

    pub(crate) fn or_current(&self) -> Self {
        Self {}
    }

    pub(crate) fn run<R>(&self, run: impl FnOnce() -> R) -> R {
        run()
    }

    pub(crate) fn record_client_ip(&self, _: IpAddr) {}

    pub(crate) fn record_subject(&self, _: &Subject) {}
}
