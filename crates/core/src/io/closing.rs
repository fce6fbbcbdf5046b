//! The closing handshake (RFC 6455, section 7.1), which owns the transport from here on.
//!
//! It waits for the peer's close frame or the end of its stream, and meanwhile reads and discards what the peer sends:
//! closing a TCP socket with unread input makes the kernel reset the connection, and the close frame in flight is lost.
//!
//! # When it is over
//!
//! | Event | What follows |
//! | --- | --- |
//! | everything is sent, and the peer's close frame was read | the transport is dropped; over TCP the server closes first (section 7.1.1) |
//! | the peer's stream ends | what is unsent is still sent, then the same |
//! | reading or writing fails | the same, at once |
//! | [`Closing::timeout`] has passed, or the peer has sent more than `max_bytes` | the same, whatever is missing |
//! | the connection is aborted | the same |
//! | too many of these are under way in the process | one attempt to send, then the same |
//!
//! An attacker that opens connections and never answers a close reaches the limit on their number. Sockets are then
//! dropped after one write, and legitimate clients still read their close frame, which fits into a send buffer that has
//! any room.

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

use super::{
    leaving::{EndOnDrop, Leaving, run_leaving, spawn_leaving},
    shared::Shared,
};
use crate::{
    carrier::Carrier,
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
    /// How many bytes of `unsent` were written.
    sent: usize,
    /// This side of the transport is shut down.
    shut: bool,
    discarded: Discarded,
    ended: Ended,
    /// Over HTTP/2 a write that is ready is only queued: shutting the stream down is what flushes it.
    carrier: Carrier,
    bounds: Closing,
    policies: DropUnlocked,
}

/// Values that may own a handle to their connection. They are dropped outside of its lock: their destructors may call
/// the handle, which locks the state.
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
pub(super) fn spawn_closing<T>(shared: &Arc<Shared<T>>, mut closing: ClosingHandshake<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Before the first poll: if the transport panics, the unwinding ends the connection.
    let end = EndOnDrop::new(shared, closing.ended());
    // No task is needed if the peer has closed already, and its socket takes the answer in one write.
    if closing.at_once() {
        spawn_leaving(end, closing.leave());
    } else {
        shared.inner.runtime.spawn(run_closing(end, Box::new(closing)));
    }
}

/// Runs the closing handshake until it is complete, exceeds its bounds, or is aborted. Then waits until the transport
/// is over.
pub(super) async fn run_closing<T>(end: EndOnDrop, mut closing: Box<ClosingHandshake<T>>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    {
        // The abort is polled first: `close` may be ready at every poll, and an abort that was requested before this
        // task started must win over what the peer sends.
        let (mut closing, mut aborted) = (pin!(close(&mut closing)), pin!(end.inner().aborted()));
        poll_fn(|cx| match aborted.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => closing.as_mut().poll(cx),
        })
        .await;
    }
    run_leaving(end, closing.leave()).await;
}

/// The number of closing handshakes under way in this process.
///
/// `Relaxed` suffices: the counter publishes no other memory, and read-modify-writes of one word are totally ordered.
/// At the limit, a handshake that gets no slot is counted for a moment, and may keep another one out; the limit is
/// never exceeded.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// One of the closing handshakes under way.
struct Slot;

impl Slot {
    fn take(at_once: usize) -> Option<Self> {
        let under_way = UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        observe::closing_task(true);
        // Beyond the limit, dropping `Self` here takes the count back.
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
    // Without a slot or a timer if there is nothing to wait for, which is the most frequent case. Beyond the limit of
    // slots, this one poll is all that a handshake gets: the close frame goes out if the socket takes it.
    if closing.at_once() {
        return;
    }
    if let Some(_slot) = Slot::take(closing.bounds.max_concurrent) {
        // After the timeout the transport is dropped, whatever the peer has sent.
        let _elapsed = timeout(closing.bounds.timeout, poll_fn(|cx| closing.poll(cx))).await;
    }
}

/// The size of the buffer for discarded input. It is on the stack, so a waiting handshake does not keep it.
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

    /// Sends nothing more, and drops everything except the transport.
    fn leave(self) -> Leaving<T> {
        drop(self.policies);
        Leaving::new(self.io, self.carrier)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> ClosingHandshake<T> {
    /// Goes as far as is possible without waiting. Returns whether the handshake is complete.
    fn at_once(&mut self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Writes and reads in the same poll: a peer that is blocked in a write of its own does not read our close frame
    /// before we read what it writes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sent = self.poll_send(cx);
        let broken = matches!(sent, Poll::Ready(Err(_)));
        if broken {
            // Nothing more reaches the peer, so its answer does not matter either.
            return Poll::Ready(());
        }
        loop {
            // Over TCP this side is shut down only after the peer's close frame (RFC 6455, section 7.1.1): a peer, or a
            // proxy in between, may take an earlier FIN for the end of both directions. A connection that was cut short
            // in the middle of a frame sends no close frame: the FIN is all that the peer will get.
            let may_shut =
                sent.is_ready() && (self.carrier.is_stream() || self.discarded.closed() || self.ended.cut_short);
            if may_shut && !self.shut {
                self.shut = Pin::new(&mut self.io).poll_shutdown(cx).is_ready();
            }
            let mut scratch = [MaybeUninit::uninit(); SCRATCH];
            let mut buf = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                // Both sides have sent a close frame and nothing is unread: the server is the one to close the TCP
                // connection (RFC 6455, section 7.1.1), and the kernel will not reset it.
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

    /// The peer's stream has ended. Nothing more can be read, but what is still unsent may find a reader: a peer may
    /// have shut down only its own direction.
    fn poll_end(&mut self, cx: &mut Context<'_>, sent: bool) -> Poll<()> {
        if sent { Pin::new(&mut self.io).poll_shutdown(cx).map(drop) } else { Poll::Pending }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // `sent` survives a `Pending`, so that no byte is written twice.
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
