//! The transport, and since when it takes nothing of what is sent.
//!
//! # A stall
//!
//! A peer that does not read makes writes pending, and so does one whose network has gone. A policy wants to know since
//! when. That is simple for a handler that polls its write until it is done; but a handler may give a write up, for a
//! timeout or another branch of a `select!`, and then nothing polls the transport, which may have had room for long. So
//! while a policy watches, a pending write is polled once more with a waker that records its wake ([`Stall`]), and the
//! driver asks the record before the peer is judged.
//!
//! A write and a flush stall separately. TLS and HTTP/2 take a write into a buffer and are pending at the flush; a
//! plain socket is pending at the write, and its flush is always ready.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{carrier::Carrier, clock::now};

/// The largest write to an HTTP/2 stream. hyper queues three writes of any size, and h2 the rest of a fourth, until the
/// peer's flow-control windows admit them.
const PIECE: usize = 16 * 1024;

/// The part of a write that is handed to the transport at once.
#[inline]
pub(super) fn piece(data: &[u8], carrier: Carrier) -> &[u8] {
    if data.len() > PIECE && carrier.is_stream() { &data[..PIECE] } else { data }
}

/// A connection's transport, from the end of the upgrade until it is taken over or dropped.
pub(super) struct Transport<T> {
    io: Option<T>,
    /// Boxed: most transports take what is sent, and fail where the handler reads.
    trouble: Option<Box<Trouble>>,
}

#[derive(Default)]
struct Trouble {
    /// The error of a read by the driver, kept for the handler: a transport may report it only once.
    failed: Option<io::Error>,
    /// Since when writes or flushes are pending. Kept only if a policy watches what is sent.
    stall: Option<(Arc<Stall>, Instant)>,
}

/// A write or a flush that was pending, and whether the transport has woken it since.
///
/// A handler may give a pending write up and never poll it again. Its own waker would say nothing then; this one
/// remembers that there was room, so that the peer is not closed for a stall that is over.
///
/// The transport wakes it from any thread, without the connection's lock. `Release` and `Acquire` suffice, since the
/// flag is the only word that is shared, and nothing is loaded after the store: `look_for_room` either sees the wake,
/// or the wake comes after it, and the next look sees it.
struct Stall {
    writer: Waker,
    /// It was a flush.
    flush: bool,
    room: AtomicBool,
}

impl Wake for Stall {
    fn wake(self: Arc<Self>) {
        // Before the wake: the woken task must find the flag set.
        self.room.store(true, Ordering::Release);
        self.writer.wake_by_ref();
    }
}

impl<T> Default for Transport<T> {
    fn default() -> Self {
        Self { io: None, trouble: None }
    }
}

impl<T> Transport<T> {
    pub(super) fn open(&mut self, io: T) {
        self.io = Some(io);
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.io.take()
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.io.is_some()
    }

    /// Keeps an error for the handler, which first reads what came before it.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.trouble.get_or_insert_default().failed = Some(error);
    }

    #[inline]
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.trouble.as_mut()?.failed.take()
    }

    /// Whether a read may go straight to the transport.
    #[inline]
    pub(super) fn reads_plainly(&self) -> bool {
        self.is_open() && !self.has_failed()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.failed.is_some())
    }

    #[inline]
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.stall().map(|(_, since)| *since)
    }

    /// Forgets a stall after which there was room.
    pub(super) fn look_for_room(&mut self) {
        if self.stall().is_some_and(|(stall, _)| stall.room.load(Ordering::Acquire)) {
            self.end_stall();
        }
    }

    #[inline]
    fn stall(&self) -> Option<&(Arc<Stall>, Instant)> {
        self.trouble.as_ref()?.stall.as_ref()
    }

    fn end_stall(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.stall = None;
        }
    }
}

impl<T: AsyncRead + Unpin> Transport<T> {
    /// Reads. A transport that is gone has ended.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        Pin::new(io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> Transport<T> {
    pub(super) fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    /// Writes. If stalls are `watched`, remembers since when writes are pending.
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        watched: bool,
        write: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let polled = write(Pin::new(io), cx);
        if watched && self.may_stall(&polled) { self.follow(cx, polled, false, write) } else { polled }
    }

    /// Flushes. A transport with a buffer of its own, such as TLS, accepts writes and is pending here instead.
    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, watched: bool) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        let polled = Pin::new(io).poll_flush(cx);
        if watched && self.may_stall(&polled) { self.follow(cx, polled, true, AsyncWrite::poll_flush) } else { polled }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        Pin::new(io).poll_shutdown(cx)
    }

    /// Whether a stall begins, goes on or ends. Most often there is none.
    #[inline]
    fn may_stall<R>(&self, polled: &Poll<R>) -> bool {
        polled.is_pending() || self.stall().is_some()
    }

    fn follow<R>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<R>>,
        flush: bool,
        operate: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let Some(io) = &mut self.io else { return polled };
        if polled.is_ready() {
            self.moved(cx, flush);
            return polled;
        }
        // Polled again, with a waker that remembers its wake. Allocated only now, because most writes are ready at the
        // first poll. Room may have come between the two polls, and then the second is ready.
        let stall = Arc::new(Stall { writer: cx.waker().clone(), flush, room: AtomicBool::new(false) });
        let waker = stall.clone().into();
        let polled = operate(Pin::new(io), &mut Context::from_waker(&waker));
        self.look_for_room();
        if polled.is_ready() {
            self.moved(cx, flush);
        } else {
            let since = self.stalled_since().unwrap_or_else(now);
            self.trouble.get_or_insert_default().stall = Some((stall, since));
        }
        polled
    }

    /// An operation was ready, which may mean that a stall is over.
    ///
    /// A flush that is ready does not end the stall of a write: most transports have nothing to flush. Nor does a write
    /// that is ready end the stall of a flush: a transport with a buffer accepts writes while nothing is sent.
    #[inline]
    fn moved(&mut self, cx: &mut Context<'_>, flush: bool) {
        match self.stall() {
            // Asks the flush itself. If it is pending still, the stall keeps its beginning.
            Some((stall, _)) if stall.flush && !flush => drop(self.poll_flush(cx, true)),
            Some((stall, _)) if flush && !stall.flush => {}
            _ => self.end_stall(),
        }
    }
}
