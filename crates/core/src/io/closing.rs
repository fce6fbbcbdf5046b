//! The closing handshake (RFC 6455, section 7.1), once nobody else has the transport.
//!
//! The peer's answer, or the end of its stream, is waited for, and what it still sends is read and thrown away: closing
//! a TCP socket with unread input makes the kernel reset the connection, and the close frame in flight is lost.

use std::{
    future::{Future, poll_fn},
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

use super::leaving::{EndOnDrop, Leaving, run_leaving, spawn_leaving};
use crate::{
    carrier::Carrier,
    connection::ConnectionInner,
    ended::Ended,
    gate::Gate,
    guard::{Discarded, Taken},
    observe,
    policy::Policy,
    settings::Closing,
};

/// The closing handshake of a connection that was taken from its handler.
pub(super) struct ClosingHandshake<T> {
    io: T,
    /// What is still to be sent, the close frame last.
    unsent: Vec<u8>,
    /// So much of it is sent.
    sent: usize,
    shut: bool,
    discarded: Discarded,
    ended: Ended,
    /// Over HTTP/2 a ready write is not yet sent: the end of the stream is what pushes it out.
    carrier: Carrier,
    bounds: Closing,
    policies: DropUnlocked,
}

/// What a connection kept that may hold on to the connection itself. Dropped outside of its lock.
#[derive(Default)]
pub(super) struct DropUnlocked(
    #[expect(dead_code, reason = "only its end matters")] Vec<Box<dyn Policy>>,
    #[expect(dead_code, reason = "only its end matters")] Option<Box<Gate>>,
);

impl DropUnlocked {
    pub(super) fn new(policies: Vec<Box<dyn Policy>>, gate: Option<Box<Gate>>) -> Self {
        Self(policies, gate)
    }
}

/// Runs a closing handshake to its end, at once if that can be, else in a task.
pub(super) fn spawn_closing<T>(inner: &Arc<ConnectionInner>, mut closing: ClosingHandshake<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Made first, so that a transport that panics ends the connection as well.
    let end = EndOnDrop::new(inner, closing.ended());
    if closing.at_once() {
        spawn_leaving(end, closing.leave());
    } else {
        inner.runtime.spawn(run_closing(end, Box::new(closing)));
    }
}

/// Waits for the peer, for as long as the bounds allow and nobody aborts the connection, then until its transport is
/// over.
pub(super) async fn run_closing<T>(end: EndOnDrop, mut closing: Box<ClosingHandshake<T>>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    {
        // In this order: an abort that came before is found first, whatever the peer sends.
        let (mut closing, mut aborted) = (pin!(close(&mut closing)), pin!(end.inner().aborted()));
        poll_fn(|cx| match aborted.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => closing.as_mut().poll(cx),
        })
        .await;
    }
    run_leaving(end, closing.leave()).await;
}

/// How many closing handshakes of this process are under way: one word, changed in one step. At the limit, one
/// that finds no place counts for a moment, and may keep another out; the limit is never exceeded.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

struct Slot;

impl Slot {
    fn take(at_once: usize) -> Option<Self> {
        let under_way = UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        observe::closing_task(true);
        // A slot that is too many is given back at once.
        Some(Self).filter(|_| under_way < at_once)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        observe::closing_task(false);
    }
}

/// Sends what is left, and waits for the peer.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(closing: &mut ClosingHandshake<T>) {
    // Most often there is nothing to wait for.
    if closing.at_once() {
        return;
    }
    if let Some(_slot) = Slot::take(closing.bounds.max_concurrent) {
        // Past the deadline the socket is dropped, whatever the peer did.
        let _elapsed = timeout(closing.bounds.timeout, poll_fn(|cx| closing.poll(cx))).await;
    }
}

/// What is read at once of what nobody wants.
const SCRATCH: usize = 8 * 1024;

impl<T> ClosingHandshake<T> {
    pub(super) fn new(io: T, taken: Taken, carrier: Carrier, bounds: Closing, policies: DropUnlocked) -> Self {
        let Taken { unsent, discarded, ended } = taken;
        Self { io, unsent, sent: 0, shut: false, discarded, ended, carrier, bounds, policies }
    }

    /// How the connection ends.
    pub(super) fn ended(&self) -> Ended {
        self.ended.clone()
    }

    /// Says nothing more, and drops what is not the transport.
    fn leave(self) -> Leaving<T> {
        drop(self.policies);
        Leaving::new(self.io, self.carrier)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> ClosingHandshake<T> {
    /// Goes as far as is possible without waiting. Says whether that was all of it.
    fn at_once(&mut self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Writes and reads side by side: a peer that is stuck in its own writes reads nothing until we read.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sent = self.poll_send(cx);
        let broken = matches!(sent, Poll::Ready(Err(_)));
        if broken {
            return Poll::Ready(());
        }
        loop {
            // Over TCP this side ends behind the peer's close (RFC 6455, section 7.1.1): a peer, or a proxy on the way,
            // may take an earlier FIN for the end of both directions. What was cut short has no close frame: the FIN is
            // all that the peer will get.
            let may_shut =
                sent.is_ready() && (self.carrier.is_stream() || self.discarded.closed() || self.ended.cut_short);
            if may_shut && !self.shut {
                self.shut = Pin::new(&mut self.io).poll_shutdown(cx).is_ready();
            }
            let mut scratch = [MaybeUninit::uninit(); SCRATCH];
            let mut buf = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                // Both sides have closed and nothing is unread: the server ends the connection (RFC 6455, section
                // 7.1.1).
                Poll::Pending if self.shut && self.discarded.closed() && !self.carrier.is_stream() => {
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return self.poll_end(cx, sent.is_ready()),
                Poll::Ready(Ok(())) => self.discarded.feed(buf.filled()),
            }
            if self.discarded.exceeds(self.bounds.max_bytes) {
                return Poll::Ready(());
            }
        }
    }

    /// The peer's stream has ended: what is left to send decides.
    fn poll_end(&mut self, cx: &mut Context<'_>, sent: bool) -> Poll<()> {
        if sent { Pin::new(&mut self.io).poll_shutdown(cx).map(drop) } else { Poll::Pending }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.unsent[self.sent..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => self.sent += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}
