//! The handler's half: the I/O object that its WebSocket library reads and writes, and what dropping it means.
//!
//! It owns no transport: each call locks the state, and finds the transport there or does not.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::Method;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Handle,
};

use super::{shared::Shared, state::State};
use crate::{
    carrier::Carrier,
    clock::now,
    connection::{Connection, ConnectionInner},
    policy::Policy,
    settings::Settings,
    sync::lock,
};

/// A WebSocket's transport under guard, for a WebSocket library that acts as a server.
///
/// Layers set this up by themselves. Use it where there is no Tower service, such as for a transport of your own.
///
/// Dropping it closes the connection as its handler would have: with an empty close frame, or with 1011 while the
/// thread unwinds from a panic.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Instant;
/// use portcullis_core::{
///     CloseCode, CloseFrame, GuardedIo, frame::{FrameHeader, Opcode}, policy::{Policy, Verdict}, settings::Settings,
///     testing::Client,
/// };
/// # use tokio::io::{AsyncReadExt, copy, duplex, sink};
///
/// struct TextOnly;
///
/// impl Policy for TextOnly {
///     fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
///         match frame.opcode() {
///             Opcode::BINARY => Verdict::Close(CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only")),
///             _ => Verdict::Pass,
///         }
///     }
/// }
///
/// let (ours, theirs) = duplex(1024); // in place of a socket
/// let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), vec![Box::new(TextOnly)]);
/// let mut client = Client::new(ours);
/// client.send_text("hello").await.unwrap();
/// handler.read_exact(&mut [0; 11]).await.unwrap(); // the frame, as the client has sent it
/// client.send_binary("hello").await.unwrap();
/// tokio::spawn(async move { copy(&mut handler, &mut sink()).await }); // reads on, and finds nothing
/// assert_eq!(client.closed().await.unwrap().to_string(), "1003 text only");
/// assert_eq!(connection.counters().messages_in, 1);
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
pub struct GuardedIo<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    shared: Arc<Shared<T>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> GuardedIo<T> {
    /// Guards a transport on which the handshake is already complete, and returns the handler's half and the handle.
    /// Without policies every legal frame passes.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(io: T, settings: &Settings, policies: Vec<Box<dyn Policy>>) -> (Self, Connection) {
        let (guarded, connection) = Self::pending(ConnectionInner::new(None, &Method::GET, Handle::current()));
        connection.control().configure(&Arc::new(settings.clone()));
        for policy in policies.into_iter().rev() {
            connection.control().install_outermost(policy);
        }
        guarded.shared.inner.stage.adopted(now());
        guarded.shared.activate(io, Vec::new(), Carrier::Connection);
        (guarded, connection)
    }

    /// Creates the halves of a connection whose upgrade has not completed.
    pub(crate) fn pending(inner: ConnectionInner) -> (Self, Connection) {
        let shared = Arc::new(Shared { inner, state: Mutex::new(State::new()) });
        let connection = Connection::new(shared.clone());
        (Self { shared }, connection)
    }

    pub(crate) fn shared(&self) -> Arc<Shared<T>> {
        self.shared.clone()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead for GuardedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.poll(|state| state.poll_read(cx, buf))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for GuardedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.poll(|state| state.poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.poll(|state| state.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.shared.state).is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll(|state| state.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll(|state| state.poll_shutdown(cx))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for GuardedIo<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        // The transport still works, or is not here: a close is decided, and the rest is the driver's or this thread's.
        if !state.guard.abandon(std::thread::panicking(), now()) {
            return self.shared.settle(state);
        }
        // Nothing can be sent any more, so the connection ends here. The bindings keep the transport and the policies
        // until after the unlock below: their destructors may call the handle.
        let (ended, _io, _policies) = state.end();
        // Not if it is supervised: such a handler may go on without its socket, and `finish` will say when it is done.
        let handled = state.guard.is_handled();
        self.shared.unlock(state);
        self.shared.inner.end(ended);
        if handled {
            self.shared.inner.handled();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> std::fmt::Debug for GuardedIo<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedIo").field("id", &self.shared.inner.id).finish_non_exhaustive()
    }
}
