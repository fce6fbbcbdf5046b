//! Runs a handler whose result decides how its connection closes.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{
    close::{CloseCode, CloseFrame, IntoClose},
    connection::Connection,
    observe::Scope,
};

impl Connection {
    /// Runs a handler, and closes the connection according to its result: 1000 for `Ok`, the error's close frame for
    /// `Err`, 1011 for a panic.
    ///
    /// It works with the socket of any library, and returns a callback as axum's `on_upgrade` expects it. If the peer
    /// closes first, its close is answered, whatever the result. An error for which the application is at fault
    /// ([`IntoClose::internal`]) is logged with its sources (feature `tracing`). The handler runs in the current span
    /// if that is the connection's or one inside of it, and otherwise in the connection's. A handler that is cancelled
    /// closes the connection without a reason.
    ///
    /// ```
    /// use portcullis_core::{CloseCode, Connection};
    ///
    /// async fn handler(socket: String) -> Result<(), CloseCode> {
    ///     if socket.is_empty() { Err(CloseCode::UNSUPPORTED_DATA) } else { Ok(()) }
    /// }
    ///
    /// // A library's function that takes a callback, such as axum's `WebSocketUpgrade::on_upgrade`.
    /// fn on_upgrade<R: Future<Output = ()>>(callback: impl FnOnce(String) -> R) {}
    ///
    /// fn upgrade(connection: Connection) {
    ///     on_upgrade(connection.supervise(handler));
    /// }
    /// ```
    pub fn supervise<S, F, R, E>(&self, handler: F) -> impl FnOnce(S) -> Supervised<R> + use<S, F, R, E>
    where
        F: FnOnce(S) -> R,
        R: Future<Output = Result<(), E>>,
        E: IntoClose,
    {
        let (scope, verdict) = (self.inner().scope.or_current(), Verdict::new(self.clone()));
        move |socket| {
            verdict.connection.control().supervised();
            Supervised { handler: scope.run(|| handler(socket)), scope, verdict }
        }
    }

    /// Closes the connection with the close frame of an error, for handlers that run on their own. The error is logged
    /// as [`supervise`](Self::supervise) does.
    pub fn close_with_error(&self, error: impl IntoClose) {
        self.inner().scope.or_current().run(|| report(&error));
        self.finish(error.into_close());
    }
}

/// Logs an error for which the application is at fault.
fn report(error: &impl IntoClose) {
    #[cfg(feature = "tracing")]
    if let Some(error) = error.internal() {
        tracing::error!(target: "portcullis", error = %Chain(error), "a WebSocket handler failed");
    }
    let _ = error;
}

/// Displays an error with its sources.
#[cfg(feature = "tracing")]
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

#[cfg(feature = "tracing")]
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

pin_project! {
    /// The future of [`Connection::supervise`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Supervised<R> {
        #[pin]
        handler: R,
        scope: Scope,
        // Dropped behind the handler, and the socket that it holds.
        verdict: Verdict,
    }
}

impl<R, E> Future for Supervised<R>
where
    R: Future<Output = Result<(), E>>,
    E: IntoClose,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.verdict.unwinding = true;
        let polled = this.scope.run(|| this.handler.poll(cx));
        this.verdict.unwinding = false;
        let result = ready!(polled);
        if let Err(error) = &result {
            this.scope.run(|| report(error));
        }
        let frame = result.map_or_else(IntoClose::into_close, |()| CloseFrame::new(CloseCode::NORMAL, ""));
        this.verdict.give(frame);
        Poll::Ready(())
    }
}

impl<R> fmt::Debug for Supervised<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised").field("connection", &self.verdict.connection).finish_non_exhaustive()
    }
}

/// Makes sure that the connection learns how its handler ended, on every path. Another task may drop the socket at the
/// same moment: the connection's lock decides which comes first, and the second finds the state that the first has
/// left.
struct Verdict {
    connection: Connection,
    given: bool,
    /// The handler is being polled. If this is dropped now, the handler has panicked.
    unwinding: bool,
}

impl Verdict {
    fn new(connection: Connection) -> Self {
        Self { connection, given: false, unwinding: false }
    }

    fn give(&mut self, frame: CloseFrame) {
        if !std::mem::replace(&mut self.given, true) {
            self.connection.finish(frame);
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        self.give(if self.unwinding { CloseFrame::internal_error() } else { CloseFrame::empty() });
    }
}
