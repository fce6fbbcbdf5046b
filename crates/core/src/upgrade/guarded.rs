//! A handshake between its request and its response.
//!
//! It must end in one of three ways, and its drop is one of them: it is completed with a response, it has failed
//! because there is none, or it is dropped because a layer refused the handshake or the client disconnected. Each is
//! reported exactly once, by whichever layer comes first; what an inner layer has reported, an outer one finds
//! reported.

use http::{HeaderMap, Response, header::SEC_WEBSOCKET_EXTENSIONS, request::Parts};

use super::interception::Interception;
use crate::{close::CloseFrame, connection::Connection, gate::Gate, policy::Policy, refusal::Refusal};

/// A handshake whose connection will be guarded.
#[must_use = "a guarded handshake must be completed with its response"]
pub struct GuardedHandshake {
    pub(super) connection: Connection,
    /// Present if this layer has set the connection up. Dropping it without a call of `run` ends the connection.
    interception: Option<Interception>,
    /// Few layers have it. One pointer, because this is in the future of every layer, and that of an outer one contains
    /// those inside of it.
    then: Option<Box<Then>>,
}

/// What a layer does once the response is known to be an upgrade.
struct Then(Box<dyn FnOnce() + Send>);

impl GuardedHandshake {
    /// Another layer has set the connection up.
    pub(super) fn joined(connection: Connection) -> Self {
        Self { connection, interception: None, then: None }
    }

    /// This layer has set the connection up.
    pub(super) fn set_up(connection: Connection, interception: Interception) -> Self {
        Self { connection, interception: Some(interception), then: None }
    }

    fn has_set_up(&self) -> bool {
        self.interception.is_some()
    }

    /// Returns the handle to the connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Holds the connection back from its handler until its first message was accepted. Call it before the inner
    /// service: a message must be readable to be judged, so compression is removed from the request. [`Gate`] has an
    /// example.
    ///
    /// # Errors
    ///
    /// A refusal with status 500 if another layer has set a gate already.
    pub fn gate(&self, parts: &mut Parts, gate: Gate) -> Result<(), Refusal> {
        parts.headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        let only = self.connection.control().hold(gate);
        if only { Ok(()) } else { Err(Refusal::misconfigured("two layers wait for a connection's first message")) }
    }

    /// Calls `then` once the response is known to be an upgrade, and not at all otherwise: for what may only happen to
    /// a connection that begins, such as evicting another. No lock is held meanwhile. If it is set several times, the
    /// last one applies.
    pub fn on_upgrade(&mut self, then: impl FnOnce() + Send + 'static) {
        self.then = Some(Box::new(Then(Box::new(then))));
    }

    /// Runs a part of the handshake in the connection's span: the call of the inner service, and the polls of its
    /// future. If this value is dropped without one, the handshake was refused.
    #[inline]
    pub fn in_span<R>(&self, run: impl FnOnce() -> R) -> R {
        if !self.has_set_up() {
            return run();
        }
        let inner = self.connection.inner();
        inner.stage.called();
        inner.scope.run(run)
    }

    /// Ends the handshake because the inner service failed and there is no response.
    pub fn failed(self) {
        if self.has_set_up() {
            self.connection.inner().stage.failed();
        }
    }

    /// Returns true if a response completes the upgrade.
    pub fn is_upgrade<B>(&self, response: &Response<B>) -> bool {
        self.connection.inner().is_upgrade(response.status())
    }

    /// Completes a handshake whose connection is closed at once, without a handler. The gate stays shut, and is dropped
    /// when the upgrade has completed or failed. If the response has no [`Refusal`] in its extensions, the handshake
    /// counts as refused by the handler.
    pub fn complete_and_close<B>(self, response: &Response<B>, frame: CloseFrame, gate: Gate) {
        self.refused(response);
        self.connection.control().hold(gate);
        self.connection.close(frame);
        self.complete(response, None);
    }

    /// The response is not an upgrade, or is one that no handler gets.
    fn refused<B>(&self, response: &Response<B>) {
        let by_a_layer = response.extensions().get::<Refusal>().is_some();
        self.connection.inner().stage.refused(response.status(), by_a_layer);
    }

    /// Whether there is nothing to be done when the response is there.
    pub(super) fn is_done(&self) -> bool {
        self.interception.is_none() && self.then.is_none()
    }

    /// Completes the handshake. If the response is an upgrade, the policy is installed and the connection begins.
    pub fn complete<B>(self, response: &Response<B>, policy: Option<Box<dyn Policy>>) {
        if !self.is_upgrade(response) {
            if self.has_set_up() {
                self.refused(response);
            }
            return;
        }
        // Layers complete from the innermost to the outermost, so each policy is installed outside of those before it.
        // The layer that has set the connection up completes last, and only then does the connection begin: no frame is
        // read before all policies are installed.
        if let Some(policy) = policy {
            self.connection.control().install_outermost(policy);
        }
        if let Some(then) = self.then {
            then.0();
        }
        if let Some(interception) = self.interception {
            if agreed_to_compress(response.headers()) {
                self.connection.control().allow_compression();
            }
            self.connection.inner().stage.upgraded();
            interception.run();
        }
    }
}

impl std::fmt::Debug for GuardedHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedHandshake").field("connection", &self.connection).finish_non_exhaustive()
    }
}

fn agreed_to_compress(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    values.any(|value| value.as_bytes().windows(18).any(|part| part.eq_ignore_ascii_case(b"permessage-deflate")))
}
