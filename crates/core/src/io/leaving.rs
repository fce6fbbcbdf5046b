//! The end of a connection, which has come when its transport is over: of an HTTP/2 stream, later than nobody wants it.
//!
//! What is written to a stream goes to a task of hyper's, which waits for the peer's flow-control windows to take it,
//! for as long as the peer likes: neither dropping the stream nor anything else that hyper offers ends that task or
//! resets the stream meanwhile. So a peer that keeps its window shut could leave any number of them behind, which
//! nobody counts. The shutdown of the stream is ready once that task has ended: all was taken but for the last piece,
//! or the peer has reset the stream, or the connection is gone. Until then the WebSocket counts as one that has not
//! ended.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{carrier::Carrier, connection::ConnectionInner, ended::Ended};

/// Ends the connection when it is dropped. The handle learns of the end on every path: a runtime that shuts down drops
/// a closing handshake before it has begun.
pub(super) struct EndOnDrop(Arc<ConnectionInner>, Ended);

impl EndOnDrop {
    pub(super) fn new(inner: &Arc<ConnectionInner>, ended: Ended) -> Self {
        Self(inner.clone(), ended)
    }

    pub(super) fn inner(&self) -> &ConnectionInner {
        &self.0
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(self.1.clone());
    }
}

/// A transport on which nothing more is said.
pub(super) struct Leaving<T> {
    io: T,
    carrier: Carrier,
}

impl<T> Leaving<T> {
    pub(super) fn new(io: T, carrier: Carrier) -> Self {
        Self { io, carrier }
    }
}

/// Waits until a transport is over, at once if it is, else in a task.
pub(super) fn spawn_leaving<T>(end: EndOnDrop, mut leaving: Leaving<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if leaving.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
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
    /// A connection is over when it is dropped.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.carrier.is_stream() || self.poll_discard(cx).is_err() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    /// Throws away what the peer still sends, so that it does not take up the window of other streams. Fails if the
    /// transport has.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut scratch = [0; 1024];
        loop {
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
