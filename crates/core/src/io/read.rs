//! What the handler's library reads: judged in its own buffer, so that most reads copy nothing.
//!
//! A read must not return zero bytes before the stream has ended, and must not return `Pending` without a waker: where
//! nothing of what was read may be delivered, it reads on until the transport itself is pending.
//!
//! # The way of a read
//!
//! 1. `poll_plain_read`, where nothing waits in the inbox: the transport reads into the caller's buffer, the guard
//!    judges it there, and mostly that is all.
//! 2. `deliver`: what was admitted earlier and had no room.
//! 3. `poll_admitted`: with less than 256 bytes of room, the read goes through a buffer on the stack, because an
//!    incomplete header in front would leave no room for what completes it.
//! 4. `poll_judged`: reads, judges and reads again, until something may be delivered, the stream ends, or the transport
//!    is pending.
//! 5. `poll_more`: puts what waits in front of what is read, so that the guard sees one piece. The inbox is cleared
//!    only when something was read behind it.
//!
//! The driver's looks (`look`, `read_on`, and `await_pong` beside this file) read into the inbox instead. They poll the
//! same transport, which keeps one waker for its reader: `look` polls with the handler's waker, `read_on` with the
//! driver's, each on behalf of the task that will read what comes next.

use std::{
    io,
    mem::MaybeUninit,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::State;
use crate::{
    clock::now,
    frame::{MAX_CONTROL, MAX_HEADER},
    guard::Reads,
};

/// A caller with less room than this is served from a buffer on the stack. An incomplete header or control frame is put
/// in front of the next read, and there must always be room for more behind it, or the read would make no progress.
const SMALL: usize = 256;
const _: () = assert!(SMALL > MAX_HEADER + MAX_CONTROL);

/// The largest read of a connection that was ever delayed: what is read behind a delayed frame must be kept.
const CAP: usize = 16 * 1024;

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    /// For the handler's library. Judging may close or delay the connection, and then this is pending until the driver
    /// or a close wakes the reader.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let plain = buf.remaining() >= SMALL && self.guard.reads_plainly() && self.transport.reads_plainly();
        if plain { self.poll_plain_read(cx, buf) } else { self.poll_any_read(cx, buf) }
    }

    /// Reads where nothing waits in front. Most often that is the whole call.
    #[inline]
    fn poll_plain_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        let polled = self.poll_received(cx, buf, start);
        if polled.is_pending() {
            // The most frequent outcome: nothing was read, so nothing has changed.
            self.guard.call_is_plain();
        }
        if ready!(polled)? || self.admit(buf, start) {
            return Poll::Ready(Ok(()));
        }
        self.poll_judged(cx, buf)
    }

    #[inline(never)]
    fn poll_any_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 || self.deliver(buf) {
            return Poll::Ready(Ok(()));
        }
        match self.guard.reads() {
            Reads::Open => self.poll_admitted(cx, buf),
            Reads::Wait => {
                self.wakers.park_reader(cx);
                Poll::Pending
            }
            Reads::End => {
                // A handler that ignores the end and reads on must not starve its neighbours.
                ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
                Poll::Ready(Ok(()))
            }
            Reads::Aborted => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    /// Delivers what was admitted earlier and found no room. Returns whether there was any.
    #[inline]
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let admitted = self.guard.inbox.deliver(buf.remaining());
        admitted.map(|bytes| buf.put_slice(bytes.as_slice())).is_some()
    }

    fn poll_admitted(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() >= SMALL {
            return self.poll_judged(cx, buf);
        }
        // What is admitted and does not fit waits in the inbox for the next call.
        let mut small = [0; 2 * SMALL];
        let mut small = ReadBuf::new(&mut small);
        ready!(self.poll_judged(cx, &mut small))?;
        self.guard.inbox.admit(small.filled());
        self.deliver(buf);
        Poll::Ready(Ok(()))
    }

    /// Reads until something is admitted, the stream ends, or there is nothing to read.
    #[inline(never)]
    fn poll_judged(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
            // Asked again in each turn: judging may have closed or delayed the connection. The waker is parked under
            // the lock, so the end of the delay, or of the connection, finds it.
            if self.guard.reads() != Reads::Open {
                self.wakers.park_reader(cx);
                return Poll::Pending;
            }
            let waited = self.guard.inbox.resume(buf.remaining()).map(|bytes| buf.put_slice(bytes.as_slice()));
            if waited.is_none() && ready!(self.poll_more(cx, buf, start))? {
                return Poll::Ready(Ok(()));
            }
            if self.admit(buf, start) {
                return Poll::Ready(Ok(()));
            }
            // All of it was incomplete, dropped, or an answer to one of the guard's pings. Returning zero bytes would
            // signal the end of the stream, so this goes on until the transport is pending and has kept the waker.
        }
    }

    /// Judges what was read from `start` on, and leaves there what may be delivered. Returns whether anything may.
    #[inline]
    fn admit(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> bool {
        let admitted = self.guard.read(&mut buf.filled_mut()[start..], now);
        buf.set_filled(start + admitted);
        admitted > 0
    }

    /// Reads behind what waited. Returns whether the stream has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, start: usize) -> Poll<io::Result<bool>> {
        // A peer may go on sending after its close frame, and a handler may go on reading. That ends at a bound.
        if self.guard.has_discarded_more_than(self.bounds().max_bytes) {
            return Poll::Ready(Ok(true));
        }
        // The driver came upon it in `peek`. By now everything in front of it was delivered.
        if let Some(error) = self.transport.take_error() {
            return Poll::Ready(Err(error));
        }
        if !self.transport.is_open() {
            return Poll::Ready(Ok(true));
        }
        if self.guard.inbox.backlog().len() >= buf.remaining() {
            // A delay has held back more than the caller has room for, so it is delivered in parts.
            buf.put_slice(self.guard.inbox.take_backlog(buf.remaining()).as_slice());
            return Poll::Ready(Ok(false));
        }
        // Copied and not taken: if the transport is pending, the backlog stays as it is.
        buf.put_slice(self.guard.inbox.backlog());
        let polled = self.poll_received(cx, buf, start);
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.guard.inbox.clear_backlog();
        }
        polled
    }

    /// Reads from the transport. Returns whether the stream has ended. If nothing was read, `buf` ends at `start`.
    #[inline]
    fn poll_received(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, start: usize) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        let came = match self.poll_transport(cx, buf) {
            Poll::Ready(Ok(())) => buf.filled().len() - before,
            Poll::Ready(Err(error)) => {
                buf.set_filled(start);
                self.guard.transport_ended(true);
                return Poll::Ready(Err(error));
            }
            Poll::Pending => {
                buf.set_filled(start);
                // Beside the transport, which keeps the waker itself: its next poll may be the driver's, and replace
                // it. And the guard wakes the reader for what the transport does not know of.
                self.wakers.park_reader(cx);
                return Poll::Pending;
            }
        };
        self.guard.received(came);
        if came == 0 {
            self.guard.transport_ended(false);
        }
        // At the end of the stream nothing will complete an incomplete header, so the library gets it as it is, and
        // reports the error in its own way.
        Poll::Ready(Ok(came == 0))
    }

    #[inline]
    fn poll_transport(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.guard.inbox.is_capped() && buf.remaining() > CAP {
            // A delay keeps what was read behind the delayed frame, so a large read would mean a large backlog.
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(CAP));
            let polled = self.transport.poll_read(cx, &mut part);
            let read = part.filled().len();
            buf.advance(read);
            polled
        } else {
            self.transport.poll_read(cx, buf)
        }
    }

    /// Reads what the handler has not read yet, for policies that are about to judge the peer. Returns whether the
    /// transport has failed.
    pub(super) fn look(&mut self) -> bool {
        // This poll replaces the waker that the transport keeps. It must be the reader's: input that comes later is for
        // the handler, and if the handler is not reading, no task needs to be woken.
        let waker = self.wakers.reader();
        let peeked = self.peek(&mut Context::from_waker(&waker));
        if peeked.found {
            // It waits in the inbox now, where no transport will wake a task for it.
            self.wakers.nudge_reader();
        }
        self.guard.looked(peeked.over, now());
        self.transport.has_failed()
    }

    /// Reads on during a delay where unread input blocks other streams. Later input wakes the driver: the handler does
    /// not read before the delay is over. Returns whether the transport has failed.
    pub(super) fn read_on(&mut self, cx: &mut Context<'_>) -> bool {
        self.guard.reads_on() && self.peek(cx).found && self.transport.has_failed()
    }

    /// Reads into the inbox, which the handler's next read looks at first.
    pub(super) fn peek(&mut self, cx: &mut Context<'_>) -> Peeked {
        // `may_peek` ends the loop at the latest when the inbox is full, so a fast peer cannot hold the lock.
        let mut side = [MaybeUninit::uninit(); 1024];
        let mut found = false;
        while self.transport.is_open() && self.guard.may_peek() && !self.transport.has_failed() {
            let mut side = ReadBuf::uninit(&mut side);
            match self.transport.poll_read(cx, &mut side) {
                Poll::Ready(Ok(())) if !side.filled().is_empty() => self.guard.peeked(side.filled(), now()),
                // A transport may report its error only once. It is kept for the handler, which reads what came before
                // it first.
                Poll::Ready(Err(error)) => {
                    self.transport.fail(error);
                    self.guard.transport_ended(true);
                }
                // Not kept: reading again returns the end of the stream again.
                Poll::Ready(Ok(())) => return Peeked { found, over: true },
                Poll::Pending => break,
            }
            found = true;
        }
        Peeked { found, over: false }
    }
}

/// The outcome of a look at the transport.
pub(super) struct Peeked {
    /// There was input, or an error.
    pub(super) found: bool,
    /// The peer's stream has ended.
    pub(super) over: bool,
}
