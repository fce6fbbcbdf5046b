//! What the handler's library reads.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::{Phase, State, park};
use crate::{
    clock::now,
    ended::EndedBy,
    frame::{MAX_CONTROL, MAX_HEADER},
    guard::Then,
};

/// A caller with less room than this is served from a buffer of the guard's own: an incomplete unit, which is put in
/// front of the next read, must always leave room for more.
const SMALL: usize = 256;
const _: () = assert!(SMALL > MAX_HEADER + MAX_CONTROL);

/// The most that is read for a handler that does not read, to see whether its peer is there.
const SIDE: usize = 4 * 1024;

/// The most that is read at once on a connection that was ever delayed.
const CAP: usize = 16 * 1024;

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if deliver(&mut self.admitted, buf) {
            return Poll::Ready(Ok(()));
        }
        match &self.phase {
            Phase::Open if self.delayed.is_none() => self.poll_admitted(cx, buf),
            Phase::Open | Phase::Upgrading(_) | Phase::Ending(_) => {
                park(&mut self.reader, cx);
                Poll::Pending
            }
            Phase::Taken { .. } => self.poll_last(cx, buf),
            Phase::Aborted | Phase::Over => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    /// The close frame that ends the connection, as if the peer had sent it; then the end of the stream.
    fn poll_last(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A handler that ignores the end and reads on must not starve its neighbours.
        let budget = ready!(tokio::task::coop::poll_proceed(cx));
        budget.made_progress();
        if let Phase::Taken { last, read, .. } = &mut self.phase {
            let rest = &last[*read..];
            let some = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..some]);
            *read += some;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_admitted(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() >= SMALL {
            return self.poll_judged(cx, buf);
        }
        let mut small = [0; 2 * SMALL];
        let mut small = ReadBuf::new(&mut small);
        ready!(self.poll_judged(cx, &mut small))?;
        self.admitted.extend_from_slice(small.filled());
        deliver(&mut self.admitted, buf);
        Poll::Ready(Ok(()))
    }

    /// Reads until something is admitted, the stream ends, or there is nothing to read.
    fn poll_judged(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
            let resumed = std::mem::take(&mut self.resumed);
            let eof = if resumed && !self.backlog.is_empty() {
                self.present(buf);
                false
            } else {
                ready!(self.poll_more(cx, buf, start))?
            };
            if eof {
                return Poll::Ready(Ok(()));
            }
            self.judge(buf, start);
            if buf.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
            if !matches!(self.phase, Phase::Open) || self.delayed.is_some() {
                park(&mut self.reader, cx);
                return Poll::Pending;
            }
        }
    }

    /// Puts what waited in front, as much as there is room for.
    fn present(&mut self, buf: &mut ReadBuf<'_>) {
        let some = self.backlog.len().min(buf.remaining());
        buf.put_slice(&self.backlog[..some]);
        self.backlog.drain(..some);
        // What is left may hold whole frames: it must not wait for the peer to send more.
        self.resumed = !self.backlog.is_empty();
    }

    /// Reads behind what waited. Says whether the stream has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, start: usize) -> Poll<io::Result<bool>> {
        if self.drain.exceeds(self.settings.closing.bytes) {
            return Poll::Ready(Ok(true));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(true)) };
        if self.backlog.len() >= buf.remaining() {
            // What a delay held back is more than the caller takes: it comes in parts.
            self.present(buf);
            return Poll::Ready(Ok(false));
        }
        buf.put_slice(&self.backlog);
        let before = buf.filled().len();
        let polled = if self.capped && buf.remaining() > CAP {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(CAP));
            let polled = Pin::new(io).poll_read(cx, &mut part);
            let read = part.filled().len();
            buf.advance(read);
            polled
        } else {
            Pin::new(io).poll_read(cx, buf)
        };
        match polled {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                buf.set_filled(start);
                self.transport_ended(true);
                return Poll::Ready(Err(error));
            }
            Poll::Pending => {
                buf.set_filled(start);
                park(&mut self.reader, cx);
                return Poll::Pending;
            }
        }
        self.backlog.clear();
        let came = buf.filled().len() - before;
        self.guard.standing.received += came as u64;
        let eof = came == 0;
        if eof {
            self.transport_ended(false);
        }
        // At the end, half a header is all there will ever be of it: the library may see it.
        Poll::Ready(Ok(eof))
    }

    /// Looks at what the transport holds that the handler has not read, for policies that are about to judge the peer.
    pub(super) fn look(&mut self) {
        if self.delayed.is_none() && !self.drain.closed {
            self.peek();
        }
        let stuck_ping = !self.outbox.is_empty() && !self.guard.outbound_at_boundary();
        let waiting = self.resumed && !self.backlog.is_empty();
        let kept = self.backlog.len() + self.admitted.len();
        let standing = &mut self.guard.standing;
        standing.read = standing.received.saturating_sub(kept as u64);
        standing.unread = waiting || self.delayed.is_some() || !self.admitted.is_empty();
        standing.hidden = self.delayed.is_some() || (waiting && self.backlog.len() >= SIDE) || stuck_ping;
    }

    /// Reads into the side buffer, from where it is presented to the handler's next read.
    fn peek(&mut self) {
        // What comes later is the handler's to read, if it waits for it, and nobody's business else.
        let waker = self.reader.clone().unwrap_or_else(|| Waker::noop().clone());
        let cx = &mut Context::from_waker(&waker);
        let mut side = [0; 1024];
        while self.backlog.len() < SIDE && self.failed.is_none() {
            let Some(io) = &mut self.io else { return };
            let mut side = ReadBuf::new(&mut side);
            match Pin::new(io).poll_read(cx, &mut side) {
                Poll::Ready(Ok(())) if !side.filled().is_empty() => {}
                // A transport may say it once; it is the handler's to read, behind what came before.
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error);
                    if let Some(reader) = &self.reader {
                        reader.wake_by_ref();
                    }
                    return self.transport_ended(true);
                }
                // The end of the stream is there to be found again.
                Poll::Ready(Ok(())) | Poll::Pending => return,
            }
            self.guard.standing.received += side.filled().len() as u64;
            self.backlog.extend_from_slice(side.filled());
            self.resumed = true;
            if let Some(reader) = &self.reader {
                reader.wake_by_ref();
            }
        }
    }

    fn judge(&mut self, buf: &mut ReadBuf<'_>, start: usize) {
        let data = &mut buf.filled_mut()[start..];
        if self.drain.closed {
            // RFC 6455, section 5.5.1: nothing follows a close frame.
            self.drain.feed(data);
            buf.set_filled(start);
            return;
        }
        let looks = self.guard.has_policies() || self.guard.notes.counts_read();
        let now = if looks { now() } else { self.created };
        self.guard.notes.tick(now);
        let admission = self.guard.admit(data, now);
        let rest = &data[admission.rest..];
        match admission.then {
            Then::Continue if rest.is_empty() => {}
            Then::Continue => self.backlog.splice(0..0, rest.iter().copied()).for_each(drop),
            Then::Delay(until) => {
                self.backlog.splice(0..0, rest.iter().copied()).for_each(drop);
                self.delayed = Some(until);
                self.capped = true;
            }
            Then::Close(frame) => {
                self.drain.follow(0, rest);
                self.begin_close(Some(frame), EndedBy::Guard, None);
            }
            Then::PeerClosed(result) => {
                self.peer_closed(result);
                self.drain.feed(rest);
            }
        }
        buf.set_filled(start + admission.deliver);
        let deadline = self.guard.deadline_after_read();
        self.rearm(deadline);
    }
}

/// Moves what was admitted into a buffer. Says whether there was any.
fn deliver(admitted: &mut Vec<u8>, buf: &mut ReadBuf<'_>) -> bool {
    let some = admitted.len().min(buf.remaining());
    buf.put_slice(&admitted[..some]);
    admitted.drain(..some);
    some > 0
}
