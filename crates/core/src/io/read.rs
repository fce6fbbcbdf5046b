//! What the handler's library reads: judged in its own buffer, so that most reads copy nothing.

use std::{
    io,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::State;
use crate::{
    clock::now,
    frame::{MAX_CONTROL, MAX_HEADER},
    guard::Reads,
};

/// A caller with less room than this is served from a buffer of the guard's own: an incomplete unit, which is put in
/// front of the next read, must always leave room for more.
const SMALL: usize = 256;
const _: () = assert!(SMALL > MAX_HEADER + MAX_CONTROL);

/// The most that is read at once on a connection that was ever delayed.
const CAP: usize = 16 * 1024;

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let plain = buf.remaining() >= SMALL && self.guard.reads_plainly() && self.transport.reads_plainly();
        if plain { self.poll_plain_read(cx, buf) } else { self.poll_any_read(cx, buf) }
    }

    /// Reads where nothing waits, and most often is done with that.
    #[inline]
    fn poll_plain_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        let polled = self.poll_received(cx, buf, start);
        if polled.is_pending() {
            self.guard.call_is_plain();
        }
        if ready!(polled)? || self.admit(buf, start) {
            return Poll::Ready(Ok(()));
        }
        self.poll_judged(cx, buf)
    }

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

    /// Hands out what was admitted before. Says whether there was any.
    #[inline]
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let admitted = self.guard.inbox.deliver(buf.remaining());
        admitted.map(|bytes| buf.put_slice(bytes.as_slice())).is_some()
    }

    fn poll_admitted(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() >= SMALL {
            return self.poll_judged(cx, buf);
        }
        let mut small = [0; 2 * SMALL];
        let mut small = ReadBuf::new(&mut small);
        ready!(self.poll_judged(cx, &mut small))?;
        self.guard.inbox.admit(small.filled());
        self.deliver(buf);
        Poll::Ready(Ok(()))
    }

    /// Reads until something is admitted, the stream ends, or there is nothing to read.
    fn poll_judged(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
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
            // All of it was incomplete, dropped or an answer to a ping. To return nothing would tell the handler that
            // the stream has ended; so this goes on until the transport has no more, which wakes it then.
        }
    }

    /// Judges what was read from `start` on, and leaves there what may be delivered. Says whether anything may.
    #[inline]
    fn admit(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> bool {
        let admitted = self.guard.read(&mut buf.filled_mut()[start..], now);
        buf.set_filled(start + admitted);
        admitted > 0
    }

    /// Reads behind what waited. Says whether the stream has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, start: usize) -> Poll<io::Result<bool>> {
        // A peer that sends on behind its close, to a handler that reads on, is not read for ever.
        if self.guard.has_discarded_more_than(self.bounds().max_bytes) {
            return Poll::Ready(Ok(true));
        }
        if let Some(error) = self.transport.take_error() {
            return Poll::Ready(Err(error));
        }
        if !self.transport.is_open() {
            return Poll::Ready(Ok(true));
        }
        if self.guard.inbox.backlog().len() >= buf.remaining() {
            // What a delay held back is more than the caller takes: it comes in parts.
            buf.put_slice(self.guard.inbox.take_backlog(buf.remaining()).as_slice());
            return Poll::Ready(Ok(false));
        }
        buf.put_slice(self.guard.inbox.backlog());
        let polled = self.poll_received(cx, buf, start);
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.guard.inbox.clear_backlog();
        }
        polled
    }

    /// Reads. Says whether the stream has ended. Where nothing was read, nothing is left behind `start`.
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
                self.wakers.park_reader(cx);
                return Poll::Pending;
            }
        };
        self.guard.received(came);
        if came == 0 {
            self.guard.transport_ended(false);
        }
        // At the end, half a header is all there will ever be of it: the library may see it.
        Poll::Ready(Ok(came == 0))
    }

    #[inline]
    fn poll_transport(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.guard.inbox.is_capped() && buf.remaining() > CAP {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(CAP));
            let polled = self.transport.poll_read(cx, &mut part);
            let read = part.filled().len();
            buf.advance(read);
            polled
        } else {
            self.transport.poll_read(cx, buf)
        }
    }

    /// Looks at what the transport holds that the handler has not read, for policies that are about to judge the peer.
    /// Says whether it has failed.
    pub(super) fn look(&mut self) -> bool {
        // What comes later is the handler's to read, if it waits for it, and nobody's business else.
        let waker = self.wakers.reader();
        let peeked = self.peek(&mut Context::from_waker(&waker));
        if peeked.found {
            self.wakers.nudge_reader();
        }
        self.guard.looked(peeked.over, now());
        self.transport.has_failed()
    }

    /// Reads on during a delay, where what is unread holds up others. What comes later wakes the driver: the handler
    /// does not read before the delay is over. Says whether the transport has failed.
    pub(super) fn read_on(&mut self, cx: &mut Context<'_>) -> bool {
        self.guard.reads_on() && self.peek(cx).found && self.transport.has_failed()
    }

    /// Reads into the inbox, from where it is presented to the handler's next read.
    fn peek(&mut self, cx: &mut Context<'_>) -> Peeked {
        let mut side = [0; 1024];
        let mut found = false;
        while self.transport.is_open() && self.guard.may_peek() && !self.transport.has_failed() {
            let mut side = ReadBuf::new(&mut side);
            match self.transport.poll_read(cx, &mut side) {
                Poll::Ready(Ok(())) if !side.filled().is_empty() => self.guard.peeked(side.filled(), now()),
                // A transport may say it once; it is the handler's to read, behind what came before.
                Poll::Ready(Err(error)) => {
                    self.transport.fail(error);
                    self.guard.transport_ended(true);
                }
                // The end of the stream is there to be found again.
                Poll::Ready(Ok(())) => return Peeked { found, over: true },
                Poll::Pending => break,
            }
            found = true;
        }
        Peeked { found, over: false }
    }
}

/// What a look at the transport came to.
struct Peeked {
    /// Something was there, if only an error.
    found: bool,
    /// That was the last the peer will ever send.
    over: bool,
}
