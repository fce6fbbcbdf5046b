//! The end of a connection. It has ended when its transport has, which for an HTTP/2 stream is later than its drop.
//!
//! Writes to a stream go through a task of hyper's, which waits until the peer's flow-control windows admit them, for
//! as long as the peer likes. Neither dropping the stream nor anything else in hyper's API ends that task or resets the
//! stream meanwhile. So a peer that keeps its window shut could leave behind any number of such tasks, and no limit
//! would count them. `poll_shutdown` is ready once the task has ended: it has sent everything but the last piece, or
//! the peer has reset the stream, or the HTTP/2 connection is gone. Until then the WebSocket counts as alive.
//!
//! | Carrier | Over when | What is done until then |
//! | --- | --- | --- |
//! | a TCP connection | it is dropped | nothing |
//! | a stream of HTTP/2 | `poll_shutdown` is ready | input is read and discarded, so that it does not use up the window of other streams |

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::shared::Shared;
use crate::{
    carrier::Carrier,
    connection::{ConnectionInner, Control},
    ended::Ended,
};

/// Ends the connection when it is dropped, so that it ends on every path: a runtime that shuts down may drop a closing
/// handshake before its first poll, and a transport may panic.
pub(super) struct EndOnDrop(Arc<dyn Control>, Option<Ended>);

impl EndOnDrop {
    pub(super) fn new<T>(shared: &Arc<Shared<T>>, ended: Ended) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self(shared.clone(), Some(ended))
    }

    pub(super) fn inner(&self) -> &ConnectionInner {
        self.0.inner()
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(ended) = self.1.take() {
            self.inner().end(ended);
        }
    }
}

/// A transport on which nothing more is sent.
pub(super) struct Leaving<T> {
    io: T,
    carrier: Carrier,
}

impl<T> Leaving<T> {
    pub(super) fn new(io: T, carrier: Carrier) -> Self {
        Self { io, carrier }
    }
}

/// Waits until a transport is over: in a task, unless it is over already.
pub(super) fn spawn_leaving<T>(end: EndOnDrop, mut leaving: Leaving<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if leaving.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        // In this order: `Connection::closed` must not return while the socket is still open.
        drop(leaving);
        drop(end);
    } else {
        end.inner().runtime.clone().spawn(run_leaving(end, leaving));
    }
}

/// Waits until a transport is over.
pub(super) async fn run_leaving<T>(end: EndOnDrop, mut leaving: Leaving<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| leaving.poll(cx)).await;
    drop(leaving);
    drop(end);
}

impl<T: AsyncRead + AsyncWrite + Unpin> Leaving<T> {
    /// A TCP connection is over when it is dropped, so for one this is ready at once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.carrier.is_stream() || self.poll_discard(cx).is_err() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    /// Discards what the peer still sends, so that it does not use up the flow-control window of other streams. Fails
    /// if the transport has failed.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut scratch = [0; 1024];
        loop {
            // A peer that sends as fast as this reads must not keep the task from yielding. Out of budget, the task is
            // woken again at once.
            let Poll::Ready(budget) = tokio::task::coop::poll_proceed(cx) else { return Ok(()) };
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                Poll::Pending => return Ok(()),
                Poll::Ready(read) => read?,
            }
            budget.made_progress();
            if buf.filled().is_empty() {
                return Ok(());
            }
        }
    }
}
