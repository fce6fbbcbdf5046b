//! The handle: cheap to clone, of no type that names the transport.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ConnectionInner, Control};
use crate::{
    close::CloseFrame,
    counters::Counters,
    ended::Ended,
    id::ConnectionId,
    identity::{AnotherSubject, Subject},
    settings::Grace,
};

/// A cheap handle of a live connection, in the request's extensions from the first layer on that guards it. With axum
/// it is an extractor (feature `axum`); without, `request.extensions().get::<Connection>()`, which is `None` for a
/// request that is no handshake.
///
/// A close asked for before the upgrade has completed is carried out as soon as it has.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<ConnectionInner>,
    control: Arc<dyn Control>,
}

impl Connection {
    pub(crate) fn new(inner: Arc<ConnectionInner>, control: Arc<dyn Control>) -> Self {
        Self { inner, control }
    }

    /// Its name in this process.
    pub fn id(&self) -> ConnectionId {
        self.inner.id
    }

    /// When its handshake arrived.
    pub fn started(&self) -> Instant {
        self.inner.started
    }

    /// The client's address, if a layer outside of the guard had found it.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.inner.client.get().copied()
    }

    /// Says where the client is, for a layer that finds out inside of the one that set the guard up. The first counts.
    pub fn set_client_ip(&self, client: IpAddr) {
        self.inner.set_client_ip(client);
    }

    /// The authenticated subject, if there is one.
    pub fn subject(&self) -> Option<Subject> {
        self.inner.subject.get().cloned()
    }

    /// What went through so far.
    pub fn counters(&self) -> Counters {
        self.control.counters()
    }

    /// How long the peer took to answer the last ping of the guard's own; `None` before the first answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.control.round_trip()
    }

    /// Closes the connection, from anywhere. Answers that the handler is sending still go out: the connection is taken
    /// from it once it has been quiet for 50 ms, and after 1 s at the latest (see `GuardLayer`).
    ///
    /// The first close counts; later ones do nothing.
    pub fn close(&self, frame: CloseFrame) {
        self.control.clone().close(frame, None);
    }

    /// [`close`](Self::close), and gives the handler this grace to finish what it is sending.
    pub fn close_with(&self, frame: CloseFrame, grace: Grace) {
        self.control.clone().close(frame, Some(grace));
    }

    /// Spawns a task that [closes](Self::close) the connection: for policies, which are asked while a connection is
    /// locked.
    pub fn spawn_close(&self, frame: CloseFrame) {
        let connection = self.clone();
        self.inner.runtime.spawn(async move { connection.close(frame) });
    }

    /// Ends the connection without a close frame, and a closing handshake that is under way: what is left is dropped.
    ///
    /// Over HTTP/2 the stream is shut down. hyper cannot reset one while something waits to be sent on it: such a
    /// stream, of a client that keeps its flow-control window shut, ends with what its client does, and so does the
    /// connection.
    pub fn abort(&self) {
        self.inner.abort();
        self.control.clone().abort();
    }

    /// Spawns a task that [aborts](Self::abort) the connection: for policies, which are asked while a connection is
    /// locked.
    pub fn spawn_abort(&self) {
        let connection = self.clone();
        self.inner.runtime.spawn(async move { connection.abort() });
    }

    /// Says who the peer is, where that became known after the handshake. To say it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AnotherSubject`] if the connection has a different one already, which stays. As a close that is 1008.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_core::{Connection, identity::{AnotherSubject, Subject}};
    ///
    /// let (connection, _client) = Connection::detached().open();
    /// assert_eq!(connection.authenticate(&Subject::new("alice")), Ok(()));
    /// assert_eq!(connection.authenticate(&Subject::new("alice")), Ok(()));
    /// assert_eq!(connection.authenticate(&Subject::new("bob")), Err(AnotherSubject));
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn authenticate(&self, subject: &Subject) -> Result<(), AnotherSubject> {
        if self.inner.identify(subject)? {
            self.control.clone().authenticated(subject);
        }
        Ok(())
    }

    /// Keeps a value for as long as the connection lives, and drops it exactly once when it has ended: its closing
    /// handshake included, or when the handshake came to nothing. At once if it has ended already.
    pub fn hold(&self, value: impl Send + 'static) {
        self.inner.hold(Box::new(value));
    }

    /// Keeps a value for as long as a handler is at work on the connection, and drops it exactly once when the handler
    /// has dropped its socket and, if it is [supervised](Self::supervise), has ended. That may be before the connection
    /// ends or after. At once if it is so already, or if the handshake came to nothing.
    pub fn hold_for_handler(&self, value: impl Send + 'static) {
        self.inner.hold_for_handler(Box::new(value));
    }

    /// Waits until the connection has ended, its closing handshake included, and its transport is over. Cancel safe.
    pub async fn closed(&self) -> Ended {
        loop {
            // In this order: an end that comes in between wakes it, and one that came before is found.
            let notified = self.inner.over.notified();
            if let Some(ended) = self.inner.ended.get() {
                return ended.clone();
            }
            notified.await;
        }
    }

    /// How the connection ended; `None` while it lives.
    pub fn close_reason(&self) -> Option<Ended> {
        self.inner.ended.get().cloned()
    }

    /// The span of the connection, for whatever a task of its own does for it. What [`supervise`](Self::supervise) runs
    /// is in it already.
    #[cfg(feature = "tracing")]
    pub fn span(&self) -> &tracing::Span {
        self.inner.scope.span()
    }

    /// The handler has ended, and this is what its end means.
    pub(crate) fn finish(&self, frame: CloseFrame) {
        self.control.clone().finish(frame);
    }

    pub(crate) fn inner(&self) -> &ConnectionInner {
        &self.inner
    }

    pub(crate) fn control(&self) -> &dyn Control {
        self.control.as_ref()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("Connection").field("id", &inner.id).field("client", &inner.client.get()).finish_non_exhaustive()
    }
}
