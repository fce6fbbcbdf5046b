//! Runs a handler whose result decides how its connection closes.
//!
//! A handler that returns an error would otherwise drop its socket, and its client would read 1006 or an empty close
//! whatever went wrong. The result, a panic and a cancellation each become a close frame.
//!
//! | The handler | The client reads |
//! | --- | --- |
//! | returns `Ok` | 1000 |
//! | returns an error | the close frame of the error |
//! | panics | 1011, without the panic's message |
//! | is cancelled, as its task is aborted | an empty close |
//! | returns after the client has closed | the answer to its close |
//!
//! The result and the drop of the socket may come from two tasks, in either order: a socket that was split, or moved
//! into another task, may be dropped before or after the handler has returned. Whichever comes first, the connection
//! waits for the result, as only that says how to close.

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
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, Connection};
    ///
    /// async fn handler(socket: &str) -> Result<(), CloseCode> {
    ///     match socket {
    ///         "reads text" => Ok(()),
    ///         "reads binary" => Err(CloseCode::UNSUPPORTED_DATA),
    ///         _ => panic!("a bug"),
    ///     }
    /// }
    ///
    /// for (socket, close) in [("reads text", "1000"), ("reads binary", "1003"), ("", "1011 internal error")] {
    ///     let (connection, mut client) = Connection::detached().open();
    ///     // With axum: `upgrade.on_upgrade(connection.supervise(handler))`.
    ///     let callback = connection.supervise(handler);
    ///     tokio::spawn(async move { callback(socket).await });
    ///     assert_eq!(client.closed().await.unwrap().to_string(), close);
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
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
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, Connection};
    ///
    /// let (connection, mut client) = Connection::detached().open();
    /// connection.close_with_error((CloseCode::POLICY_VIOLATION, "no such room"));
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1008 no such room");
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
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
