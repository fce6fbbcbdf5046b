//! The handle to a live connection: cheap to clone, and without a type parameter for the transport.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ConnectionInner, Control, Status, bonds::Held};
use crate::{
    close::CloseFrame,
    counters::Counters,
    ended::Ended,
    id::ConnectionId,
    identity::{AnotherSubject, Subject},
    observe::{Describe, Description},
    settings::Grace,
};

/// A cheap handle to a live connection.
///
/// The first layer that guards a handshake puts it into the request's extensions. With axum (feature `axum`) it is an
/// extractor; elsewhere use `request.extensions().get::<Connection>()`, which returns `None` for a request that is not
/// a handshake.
///
/// If it is closed before the upgrade has completed, the close is carried out as soon as the upgrade completes.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use portcullis_core::{CloseCode, CloseFrame, Connection, EndedBy};
///
/// let (connection, mut client) = Connection::detached().open();
/// connection.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "kicked"));
/// assert_eq!(client.closed().await.unwrap().to_string(), "1008 kicked");
/// client.send_close(&CloseFrame::empty()).await.unwrap();
/// assert_eq!(connection.closed().await.by, EndedBy::Guard);
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Connection(Arc<dyn Control>);

impl Connection {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Self(control)
    }

    /// Returns the id, which identifies the connection within this process.
    pub fn id(&self) -> ConnectionId {
        self.inner().id
    }

    /// Returns when the handshake arrived.
    pub fn started(&self) -> Instant {
        self.inner().started
    }

    /// Returns the client's IP address, if a layer has determined it: behind trusted proxies, it is not that of the
    /// socket's peer.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.inner().client_ip()
    }

    /// Records the client's address, for a layer inside the one that set up the guard. Later calls have no effect.
    pub fn set_client_ip(&self, client: IpAddr) {
        self.inner().set_client_ip(client);
    }

    /// Returns the authenticated subject, if there is one.
    pub fn subject(&self) -> Option<Subject> {
        self.inner().subject().cloned()
    }

    /// Returns what has passed through the connection so far.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use portcullis_core::{GuardedIo, settings::Settings, testing::Client};
    /// # use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    /// # let (ours, theirs) = duplex(1024);
    /// # let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), Vec::new());
    /// # let mut client = Client::new(ours);
    /// client.send_text("hello").await.unwrap(); // a header of two bytes, a mask of four, five of payload
    /// handler.read_exact(&mut [0; 11]).await.unwrap();
    /// handler.write_all(b"\x81\x02hi").await.unwrap();
    ///
    /// let counters = connection.counters();
    /// assert_eq!((counters.messages_in, counters.bytes_in), (1, 11));
    /// assert_eq!((counters.messages_out, counters.bytes_out), (1, 4));
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn counters(&self) -> Counters {
        self.0.counters()
    }

    /// Returns how long the peer took to answer the guard's last ping, or `None` before the first answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.round_trip()
    }

    /// Returns how far the connection has come, what has passed through it, and its round trip, all of one moment.
    pub fn status(&self) -> Status {
        let status = self.0.status();
        if self.inner().ended.get().is_some() { status.ended() } else { status }
    }

    /// Adds what a layer knows about the connection to its [`description`](Self::description). The value is held until
    /// the connection has ended.
    ///
    /// `describes` is not called, and nothing is held, unless an observer is attached (feature `observer`).
    pub fn described_by<D: Describe>(&self, describes: impl FnOnce() -> D) {
        #[cfg(feature = "observer")]
        if crate::observe::is_attached() {
            self.inner().described_by(describes());
        }
        #[cfg(not(feature = "observer"))]
        let _ = describes;
    }

    /// Returns what the layers of the connection report about it. Empty unless an observer was attached when the
    /// handshake arrived (feature `observer`).
    pub fn description(&self) -> Description {
        #[cfg_attr(not(feature = "observer"), expect(unused_mut, reason = "nothing describes it without that feature"))]
        let mut description = Description::default();
        #[cfg(feature = "observer")]
        for bond in self.inner().who_describe() {
            bond.describe().iter().for_each(|describes| describes.describe(&mut description));
        }
        description
    }

    /// Closes the connection, from any task.
    ///
    /// What the handler is sending still goes out: the connection is taken from it once it has sent nothing for 50 ms,
    /// or after 1 s at the latest ([`Settings`](crate::settings::Settings)). Only the first close has an effect.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, CloseFrame, Connection};
    ///
    /// let (connection, mut client) = Connection::detached().open();
    /// let elsewhere = connection.clone(); // such as in a task for administrators
    /// elsewhere.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned"));
    /// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "too late"));
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1008 banned");
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn close(&self, frame: CloseFrame) {
        self.0.clone().close(frame, None);
    }

    /// Closes the connection like [`close`](Self::close), but gives the handler this `grace` to finish what it is
    /// sending.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::time::Duration;
    /// # use portcullis_core::{CloseCode, CloseFrame, GuardedIo, settings::Settings, testing::{Client, Message}};
    /// # use tokio::{io::{AsyncWriteExt, duplex}, time::sleep};
    /// use portcullis_core::settings::Grace;
    ///
    /// for (seconds, last_words) in [(0, false), (3, true)] {
    ///     // In place of a WebSocket library: this handler writes frames itself.
    ///     let (ours, theirs) = duplex(1024);
    ///     let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), Vec::new());
    ///     let mut client = Client::new(ours);
    ///
    ///     let grace = Grace::within(Duration::from_secs(seconds)).quiet(Duration::from_millis(500));
    ///     connection.close_with(CloseFrame::new(CloseCode::GOING_AWAY, ""), grace);
    ///     sleep(Duration::from_millis(400)).await; // what it takes to compute the answer
    ///     let _ = handler.write_all(b"\x81\x03bye").await;
    ///     let first = client.next().await.unwrap();
    ///     assert_eq!(first == Message::Text("bye".into()), last_words, "{first:?}");
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn close_with(&self, frame: CloseFrame, grace: Grace) {
        self.0.clone().close(frame, Some(grace));
    }

    /// Spawns a task that [closes](Self::close) the connection. For policies, which are called while their connection
    /// is locked and must not close it themselves.
    pub fn spawn_close(&self, frame: CloseFrame) {
        let connection = self.clone();
        self.inner().runtime.spawn(async move { connection.close(frame) });
    }

    /// Ends the connection without a close frame. Aborts a closing handshake that is under way. What was not sent yet
    /// is dropped.
    ///
    /// Over HTTP/2 the stream is shut down. hyper cannot reset a stream while something waits to be sent on it: if the
    /// client keeps its flow-control window shut, the stream, and with it this connection, ends when the client reads,
    /// resets the stream or disconnects.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, CloseFrame, Connection, EndedBy};
    ///
    /// let (connection, mut client) = Connection::detached().open();
    /// connection.abort();
    /// assert_eq!(client.closed().await, None, "the client sees 1006");
    /// let ended = connection.closed().await;
    /// assert_eq!((ended.by, ended.frame), (EndedBy::Guard, None));
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn abort(&self) {
        self.inner().abort();
        self.0.clone().abort();
    }

    /// Spawns a task that [aborts](Self::abort) the connection. For policies, which are called while their connection
    /// is locked.
    pub fn spawn_abort(&self) {
        let connection = self.clone();
        self.inner().runtime.spawn(async move { connection.abort() });
    }

    /// Sets the subject, where it became known after the handshake. Setting the same subject again has no effect.
    ///
    /// # Errors
    ///
    /// [`AnotherSubject`] if the connection has a different subject already, which it keeps. The error converts into a
    /// close with 1008.
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
        if self.inner().identify(subject)? {
            self.0.clone().authenticated(subject);
        }
        Ok(())
    }

    /// Holds a value until the connection has ended, including its closing handshake, and then drops it.
    ///
    /// It is dropped exactly once on every path: also when the handshake fails, and at once if the connection has ended
    /// already. This is how permits are released.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use std::sync::Arc;
    /// use portcullis_core::{CloseCode, CloseFrame, Connection};
    /// use tokio::sync::Semaphore;
    ///
    /// let seats = Arc::new(Semaphore::new(1));
    /// let (connection, mut client) = Connection::detached().open();
    /// connection.hold(seats.clone().try_acquire_owned().unwrap());
    ///
    /// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
    /// client.closed().await;
    /// assert_eq!(seats.available_permits(), 0, "the closing handshake is not over");
    /// client.send_close(&CloseFrame::empty()).await.unwrap();
    /// connection.closed().await;
    /// assert_eq!(seats.available_permits(), 1);
    ///
    /// connection.hold(seats.clone().try_acquire_owned().unwrap());
    /// assert_eq!(seats.available_permits(), 1, "dropped at once: there is no connection any more");
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn hold(&self, value: impl Send + 'static) {
        self.inner().hold(value);
    }

    /// Holds a value like [`hold`](Self::hold) where others hold it as well, without another allocation for it.
    pub fn hold_shared(&self, value: Arc<impl Held>) {
        self.inner().hold_shared(value);
    }

    /// Holds a value while a handler works on the connection, and then drops it.
    ///
    /// It is dropped exactly once, when the handler has dropped its socket and, if it is
    /// [supervised](Self::supervise), has returned. That may be before or after the connection ends. It is dropped at
    /// once if the handler is done already, or if the handshake fails.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use portcullis_core::{CloseCode, Connection};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let work = Arc::new(()); // such as a permit for a query of a database
    /// let (connection, client) = Connection::detached().open();
    /// let handler = connection.supervise(async |(): ()| {
    ///     tokio::time::sleep(Duration::from_secs(60)).await; // it finishes what it has begun
    ///     Ok::<_, CloseCode>(())
    /// });
    /// let handled = tokio::spawn(handler(()));
    /// connection.hold_for_handler(work.clone());
    /// drop(client);
    /// tokio::time::sleep(Duration::from_secs(1)).await;
    /// assert_eq!(Arc::strong_count(&work), 2, "the client is gone, and the handler still at work");
    /// handled.await.unwrap();
    /// assert_eq!(Arc::strong_count(&work), 1);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn hold_for_handler(&self, value: impl Send + 'static) {
        self.inner().hold_for_handler(value);
    }

    /// Waits until the connection has ended, including its closing handshake and its transport. Cancel safe.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, CloseFrame, EndedBy, GuardedIo, settings::Settings, testing::Client};
    /// # use tokio::io::{AsyncReadExt, duplex};
    ///
    /// let (ours, theirs) = duplex(1024);
    /// let (mut socket, connection) = GuardedIo::new(theirs, &Settings::new(), Vec::new());
    /// let mut client = Client::new(ours);
    /// client.send_close(&CloseFrame::new(CloseCode::NORMAL, "done")).await.unwrap();
    /// // In place of a WebSocket library: the handler reads the close, and drops its socket.
    /// socket.read_exact(&mut [0; 12]).await.unwrap();
    /// drop(socket);
    /// let answer = client.closed().await;
    /// drop(client);
    ///
    /// let ended = connection.closed().await;
    /// assert_eq!(ended.by, EndedBy::Peer);
    /// assert_eq!(ended.received.unwrap().to_string(), "1000 done");
    /// assert_eq!(ended.sent, answer);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub async fn closed(&self) -> Ended {
        self.inner().wait_until_ended().await
    }

    /// Returns how the connection ended, or `None` while it is alive.
    pub fn close_reason(&self) -> Option<Ended> {
        self.inner().ended.get().map(|ended| Ended::clone(ended))
    }

    /// Returns the span of the connection, for tasks that work for it. A handler that
    /// [`supervise`](Self::supervise) runs is in it already.
    #[cfg(feature = "tracing")]
    pub fn span(&self) -> &tracing::Span {
        self.inner().scope.span()
    }

    /// Called when the handler has ended, with the close frame that its result means.
    pub(crate) fn finish(&self, frame: CloseFrame) {
        self.0.clone().finish(frame);
    }

    #[inline]
    pub(crate) fn inner(&self) -> &ConnectionInner {
        self.0.inner()
    }

    #[inline]
    pub(crate) fn control(&self) -> &dyn Control {
        self.0.as_ref()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("Connection").field("id", &inner.id).field("client", &inner.client.get()).finish_non_exhaustive()
    }
}
