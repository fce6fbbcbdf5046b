//! The closing handshake (RFC 6455, section 7.1), by whoever holds the transport last.
//!
//! The peer's answer, or the end of its stream, is waited for, and what it still sends is read and thrown away: closing a
//! TCP socket with unread input makes the kernel reset the connection, and the close frame in flight is lost.

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

use crate::{
    connection::About,
    ended::Ended,
    frame::{Decoder, Opcode},
    gate::Gate,
    observe,
    policy::Policy,
    settings::Closing,
};

/// Looks for the peer's close frame in what nobody reads any more.
#[derive(Debug, Default)]
pub(super) struct Drain {
    decoder: Decoder,
    /// The peer has closed.
    pub(super) closed: bool,
    seen: u64,
}

impl Drain {
    /// Whether a peer has sent more than that which nobody reads.
    pub(super) fn exceeds(&self, bytes: u64) -> bool {
        self.seen > bytes
    }

    /// Goes on where the guard stopped.
    pub(super) fn follow(&mut self, payload_left: u64, bytes: &[u8]) {
        if payload_left > 0 {
            self.decoder = Decoder::inside(payload_left);
        }
        self.feed(bytes);
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        while let Some(header) = self.decoder.next(&mut bytes) {
            self.closed |= header.opcode() == Opcode::CLOSE;
        }
    }
}

/// A connection that was taken from its handler.
pub(super) struct Farewell<T> {
    pub(super) io: T,
    /// What is still to be sent, the close frame last.
    pub(super) outbox: Vec<u8>,
    /// So much of it is sent.
    pub(super) sent: usize,
    pub(super) shut: bool,
    pub(super) drain: Drain,
    pub(super) ended: Ended,
    /// Over HTTP/2 a ready write is not yet sent: the end of the stream is what pushes it out.
    pub(super) shutdown_first: bool,
    pub(super) limits: Closing,
    /// What nobody asks any more.
    #[expect(dead_code, reason = "only its end matters")]
    pub(super) retired: Retired,
}

/// What a connection kept that may hold on to the connection itself. Dropped outside of its lock.
#[derive(Default)]
pub(super) struct Retired(
    #[expect(dead_code, reason = "only its end matters")] pub(super) Vec<Box<dyn Policy>>,
    #[expect(dead_code, reason = "only its end matters")] pub(super) Option<Box<Gate>>,
);

/// Ends a connection that is nobody's any more, at once if that can be, else in a task.
pub(super) fn part<T>(about: &Arc<About>, mut farewell: Farewell<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if farewell.at_once() {
        let ended = farewell.ended.clone();
        drop(farewell);
        about.end(ended);
    } else {
        let over = OnDrop(about.clone(), farewell.ended.clone());
        about.runtime.spawn(take_leave(over, Box::new(farewell)));
    }
}

/// The handle learns of the end on every path: a runtime that shuts down drops this before it has begun.
pub(super) async fn take_leave<T: AsyncRead + AsyncWrite + Unpin>(over: OnDrop, farewell: Box<Farewell<T>>) {
    let about = over.0.clone();
    let (mut closing, mut aborted) = (pin!(close(farewell)), pin!(about.aborted()));
    poll_fn(|cx| match aborted.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => closing.as_mut().poll(cx),
    })
    .await;
    drop(over);
}

pub(super) struct OnDrop(pub(super) Arc<About>, pub(super) Ended);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.end(self.1.clone());
    }
}

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

/// Sends what is left, waits for the peer, and ends the connection.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut farewell: Box<Farewell<T>>) {
    // Most often there is nothing to wait for.
    if farewell.at_once() {
        return;
    }
    if let Some(_slot) = Slot::take(farewell.limits.at_once) {
        // Past the deadline the socket is dropped, whatever the peer did.
        let _elapsed = timeout(farewell.limits.time, poll_fn(|cx| farewell.poll(cx))).await;
    }
}

/// What is read at once of what nobody wants.
const SCRATCH: usize = 8 * 1024;

impl<T: AsyncRead + AsyncWrite + Unpin> Farewell<T> {
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
            let may_shut = sent.is_ready() && (self.shutdown_first || self.drain.closed || self.ended.cut_short);
            if may_shut && !self.shut {
                self.shut = Pin::new(&mut self.io).poll_shutdown(cx).is_ready();
            }
            let mut scratch = [MaybeUninit::uninit(); SCRATCH];
            let mut buf = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                // Both sides have closed and nothing is unread: the server ends the connection (RFC 6455, section 7.1.1).
                Poll::Pending if self.shut && self.drain.closed && !self.shutdown_first => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return self.poll_end(cx, sent.is_ready()),
                Poll::Ready(Ok(())) => self.drain.feed(buf.filled()),
            }
            if self.drain.exceeds(self.limits.bytes) {
                return Poll::Ready(());
            }
        }
    }

    /// The peer's stream has ended: what is left to send decides.
    fn poll_end(&mut self, cx: &mut Context<'_>, sent: bool) -> Poll<()> {
        if sent { Pin::new(&mut self.io).poll_shutdown(cx).map(drop) } else { Poll::Pending }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outbox.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.outbox[self.sent..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => self.sent += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}
