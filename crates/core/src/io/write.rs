//! What the handler's library writes, and the frames of the guard's own that go between.
//!
//! A frame of the guard's own may go out only at a boundary of the handler's frames. The handler or the driver sends
//! it, whichever is polled there first.
//!
//! # What may be written when
//!
//! | The handler stands | The guard has something to send | A write goes out |
//! | --- | --- | --- |
//! | between two frames | no | as it is, up to a close frame |
//! | between two frames | yes | after the guard's own |
//! | in the middle of a frame | yes | up to the end of that frame; the rest at the next call |
//! | in its last frame, as the grace is nearly over | either | up to the end of that frame, and nothing after it |
//! | at a close frame | either | nothing: its bytes are captured until the frame is complete |
//!
//! A write returns how many of the caller's bytes were taken, and never counts the guard's own. Where it takes fewer
//! than offered, the library calls again with the rest, as after any short write.
//!
//! # Two who send
//!
//! A ping waits for a boundary, and it is not known which task will be polled there: the handler with its next write or
//! flush, or the driver, if the handler does neither. Both try, and both are woken when there is room
//! ([`Wakers::both`](super::wakers::Wakers::both)). The first to send leaves the other nothing to do, since the outbox
//! is behind the lock.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::{state::State, transport::piece};
use crate::{
    clock::now,
    guard::{Measure, Writes},
};

impl<T: AsyncWrite + Unpin> State<T> {
    pub(super) fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    /// For the handler's library. Over HTTP/2 no more than a piece is taken at once, so that a stall is noticed after
    /// that much and not after a message of many megabytes.
    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let data = piece(data, self.guard.carrier());
        match self.guard.plain_messages(data) {
            Some(messages) => self.poll_plain_write(cx, data, messages),
            None => self.poll_any_write(cx, data),
        }
    }

    /// Writes whole messages where nothing of the guard's own waits.
    #[inline]
    fn poll_plain_write(&mut self, cx: &mut Context<'_>, data: &[u8], messages: u64) -> Poll<io::Result<usize>> {
        let polled = self.poll_transport_write(cx, |io, cx| io.poll_write(cx, data));
        if polled.is_pending() {
            self.wakers.park_writer(cx);
        }
        let written = ready!(polled)?;
        if written == data.len() {
            self.guard.sent_plainly(messages, written, now);
        } else {
            let part = self.guard.measure(&data[..written], false);
            self.guard.sent(part, now);
        }
        Poll::Ready(Ok(written))
    }

    #[inline(never)]
    fn poll_any_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.guard.writes(now) {
            Writes::Open => self.poll_frames(cx, data),
            Writes::Swallow => {
                // Always ready otherwise: a handler that writes in a loop must still yield to its neighbours.
                ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
                Poll::Ready(Ok(self.guard.swallow(data)))
            }
            Writes::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper's HTTP/2 streams take one slice at a time. And slices are written one by one where the guard must stop
        // at a boundary: a frame of its own waits for one, a close frame is being captured, or the handler is in its
        // last frame.
        let plain = !self.guard.carrier().is_stream()
            && self.guard.outbox.is_empty()
            && !self.guard.is_capturing()
            && !self.guard.is_last_frame(now);
        if plain && self.guard.writes(now) == Writes::Open {
            let mut whole = self.guard.measure_start();
            for slice in slices {
                whole.extend(slice, false);
            }
            if !whole.close_follows {
                return self.poll_write_slices(cx, slices, whole);
            }
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn poll_write_slices(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        whole: Measure,
    ) -> Poll<io::Result<usize>> {
        self.wakers.park_writer(cx);
        let written = ready!(self.poll_transport_write(cx, |io, cx| io.poll_write_vectored(cx, slices)))?;
        if written == whole.pass {
            self.guard.sent(whole, now);
            return Poll::Ready(Ok(written));
        }
        // A short write: only what went out moves the decoder, so it is measured again up to there.
        let mut part = self.guard.measure_start();
        let mut left = written;
        for slice in slices {
            let some = slice.len().min(left);
            part.extend(&slice[..some], false);
            left -= some;
        }
        self.guard.sent(part, now);
        Poll::Ready(Ok(written))
    }

    /// Writes up to the next boundary at which something else has to happen: a frame of the guard's own, the end of the
    /// last frame, or a close frame of the handler.
    fn poll_frames(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.guard.is_capturing() {
            return Poll::Ready(Ok(self.guard.capture(data, now)));
        }
        // Parked before anything here may be pending.
        self.wakers.park_writer(cx);
        if self.guard.outbound_at_boundary() {
            ready!(self.poll_outbox(cx))?;
        }
        let last = self.guard.is_last_frame(now);
        // It would begin another frame, and must not. It stands between two frames now, which is what the take-over was
        // waiting for, so the driver is woken for that. The take-over wakes this writer.
        if last && self.guard.outbound_at_boundary() {
            self.wakers.wake_driver();
            return Poll::Pending;
        }
        // Up to the next boundary, if a frame of the guard's own is to follow there.
        let measure = self.guard.measure(data, last || !self.guard.outbox.is_empty());
        // The write begins with a close frame. It is held until it is whole: another may have to go out instead.
        if measure.pass == 0 {
            return Poll::Ready(Ok(self.guard.capture(data, now)));
        }
        let written = ready!(self.poll_transport_write(cx, |io, cx| io.poll_write(cx, &data[..measure.pass])))?;
        let sent = if written == measure.pass { measure } else { self.guard.measure(&data[..written], false) };
        self.guard.sent(sent, now);
        if !self.guard.outbox.is_empty() && self.guard.outbound_at_boundary() {
            // If the handler neither flushes nor writes again, only the driver can send the ping that waits.
            self.wakers.wake_driver();
        }
        Poll::Ready(Ok(written))
    }

    #[inline]
    fn poll_transport_write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let watched = self.guard.watches_output();
        let polled = self.transport.poll_write(cx, watched, write);
        if watched {
            self.guard.stalled(self.transport.stalled_since());
        }
        polled
    }

    /// Sends the guard's own frames. Only at a boundary of the handler's.
    #[inline]
    pub(super) fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.guard.outbox.is_empty() { Poll::Ready(Ok(())) } else { self.poll_own_frames(cx) }
    }

    fn poll_own_frames(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.transport.is_open() {
            return Poll::Ready(Ok(()));
        }
        // The handler and the driver may both be here in turns, and each waits for the same room.
        let both = self.wakers.both(cx);
        let cx = &mut Context::from_waker(&both);
        let watched = self.guard.watches_output();
        while !self.guard.outbox.is_empty() {
            let unsent = self.guard.outbox.unsent();
            let polled = self.transport.poll_write(cx, watched, |io, cx| io.poll_write(cx, unsent));
            if watched {
                self.guard.stalled(self.transport.stalled_since());
            }
            match ready!(polled)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => self.guard.outbox.sent(some),
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.guard.flushes_plainly() { self.poll_plain_flush(cx) } else { self.poll_any_flush(cx) }
    }

    /// Flushes where nothing of the guard's own waits.
    #[inline]
    fn poll_plain_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = self.guard.watches_output();
        let polled = self.transport.poll_flush(cx, watched);
        if watched {
            self.guard.stalled(self.transport.stalled_since());
        }
        if polled.is_pending() {
            self.wakers.park_writer(cx);
        }
        self.guard.call_is_plain();
        polled
    }

    /// Flushes, after sending the guard's own frames if that is allowed here.
    #[inline(never)]
    fn poll_any_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.guard.is_live() {
            return Poll::Ready(Ok(()));
        }
        self.wakers.park_writer(cx);
        if self.guard.outbound_at_boundary() {
            ready!(self.poll_outbox(cx))?;
        }
        self.poll_flush_transport(cx)
    }

    pub(super) fn poll_flush_transport(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.transport.is_open() {
            return Poll::Ready(Ok(()));
        }
        // If a frame of the guard's own is unflushed, the driver waits for this flush as well.
        let both = self.guard.outbox.is_unflushed().then(|| self.wakers.both(cx));
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        let watched = self.guard.watches_output();
        let polled = self.transport.poll_flush(cx, watched);
        if watched {
            self.guard.stalled(self.transport.stalled_since());
        }
        let flushed = ready!(polled);
        self.guard.outbox.flushed();
        Poll::Ready(flushed)
    }

    /// The handler's library ends its side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.guard.handler_shut_down(now()) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_flush(cx))?;
        self.transport.poll_shutdown(cx)
    }
}
