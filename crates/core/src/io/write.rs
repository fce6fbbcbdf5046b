//! What the handler's library writes, and the frames that the guard puts between.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
};

use tokio::io::AsyncWrite;

use super::state::{Phase, State, park};
use crate::{clock::now, guard::Measure};

/// Wakes the handler and the keeper: while a frame of the guard's own waits, either may be the one who sends it.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

/// What a write may do now.
enum Gate {
    Open,
    Swallow,
    Broken,
}

impl<T: AsyncWrite + Unpin> State<T> {
    pub(super) fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.gate() {
            Gate::Open => self.poll_frames(cx, data),
            Gate::Swallow => self.poll_swallow(cx, data),
            Gate::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let plain = self.outbox.is_empty() && !self.guard.is_capturing() && !self.is_last_frame();
        if plain && matches!(self.gate(), Gate::Open) {
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
        park(&mut self.writer, cx);
        let written = ready!(self.poll_transport(cx, |io, cx| io.poll_write_vectored(cx, slices)))?;
        if written == whole.pass {
            self.wrote(whole);
            return Poll::Ready(Ok(written));
        }
        let mut part = self.guard.measure_start();
        let mut left = written;
        for slice in slices {
            let some = slice.len().min(left);
            part.extend(&slice[..some], false);
            left -= some;
        }
        self.wrote(part);
        Poll::Ready(Ok(written))
    }

    fn gate(&self) -> Gate {
        match &self.phase {
            Phase::Open | Phase::Ending(_) if self.handler_close.is_none() => Gate::Open,
            // Nothing follows a close frame (RFC 6455, section 5.5.1), and nobody would stop a handler that only writes.
            Phase::Taken { swallow_until, handler_closed: false, .. } if now() < *swallow_until => Gate::Swallow,
            _ => Gate::Broken,
        }
    }

    fn poll_swallow(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let budget = ready!(tokio::task::coop::poll_proceed(cx));
        budget.made_progress();
        let taken = self.swallow(data);
        Poll::Ready(Ok(taken))
    }

    /// Follows what is thrown away, so that the handler's close frame ends it.
    fn swallow(&mut self, data: &[u8]) -> usize {
        if self.guard.is_capturing() {
            let (taken, frame) = self.guard.capture_close(data);
            if let (Some(_), Phase::Taken { handler_closed, .. }) = (frame, &mut self.phase) {
                *handler_closed = true;
            }
            return taken;
        }
        let measure = self.guard.measure(data, false);
        let pass = measure.pass;
        self.guard.wrote(measure);
        if pass == 0 && !data.is_empty() {
            let (taken, frame) = self.guard.capture_close(data);
            if let (Some(_), Phase::Taken { handler_closed, .. }) = (frame, &mut self.phase) {
                *handler_closed = true;
            }
            return taken;
        }
        pass
    }

    fn poll_frames(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.guard.is_capturing() {
            return Poll::Ready(Ok(self.capture(data)));
        }
        park(&mut self.writer, cx);
        if self.guard.outbound_at_boundary() {
            ready!(self.poll_outbox(cx))?;
        }
        let last = self.is_last_frame();
        if last && self.guard.outbound_at_boundary() {
            self.wake_keeper();
            return Poll::Pending;
        }
        let measure = self.guard.measure(data, last || !self.outbox.is_empty());
        if measure.pass == 0 {
            return Poll::Ready(Ok(self.capture(data)));
        }
        let written = ready!(self.poll_transport(cx, |io, cx| io.poll_write(cx, &data[..measure.pass])))?;
        if written == measure.pass {
            self.wrote(measure);
        } else {
            let part = self.guard.measure(&data[..written], false);
            self.wrote(part);
        }
        if !self.outbox.is_empty() && self.guard.outbound_at_boundary() {
            // A handler that does not flush would leave a ping waiting for its next write.
            self.wake_keeper();
        }
        Poll::Ready(Ok(written))
    }

    fn capture(&mut self, data: &[u8]) -> usize {
        let (taken, frame) = self.guard.capture_close(data);
        if let Some(frame) = frame {
            self.handler_closed(frame);
        }
        taken
    }

    /// Sends the guard's own frames. Only at a boundary of the handler's.
    pub(super) fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let both = self.both(cx);
        let cx = &mut Context::from_waker(&both);
        if self.io.is_none() {
            return Poll::Ready(Ok(()));
        }
        while self.outbox_sent < self.outbox.len() {
            let (outbox, from) = (std::mem::take(&mut self.outbox), self.outbox_sent);
            let polled = self.poll_transport(cx, |io, cx| io.poll_write(cx, &outbox[from..]));
            self.outbox = outbox;
            let sent = ready!(polled)?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox_sent += sent;
        }
        self.outbox.clear();
        self.outbox_sent = 0;
        self.outbox_unflushed = true;
        Poll::Ready(Ok(()))
    }

    fn both(&self, cx: &Context<'_>) -> Waker {
        let mut others = [&self.keeper, &self.writer].into_iter().flatten();
        match others.find(|other| !other.will_wake(cx.waker())) {
            Some(other) => Arc::new(Both(cx.waker().clone(), other.clone())).into(),
            None => cx.waker().clone(),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.phase, Phase::Open | Phase::Ending(_)) {
            return Poll::Ready(Ok(()));
        }
        park(&mut self.writer, cx);
        if self.guard.outbound_at_boundary() {
            ready!(self.poll_outbox(cx))?;
        }
        self.poll_flush_io(cx)
    }

    pub(super) fn poll_flush_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A transport wakes whoever asked last: the keeper must not take the handler's place, nor the handler the keeper's.
        let both = self.outbox_unflushed.then(|| self.both(cx));
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        if self.io.is_none() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(self.poll_transport_flush(cx));
        self.outbox_unflushed = false;
        Poll::Ready(flushed)
    }

    /// The handler's library ends its side. A close that it did not send is sent for it.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.hurry();
        if !matches!(self.phase, Phase::Open) {
            return Poll::Ready(Ok(()));
        }
        if self.handler_close.is_none() && self.guard.outbound_at_boundary() && !self.guard.is_capturing() {
            let frame = self.parting();
            self.handler_closed(frame);
        }
        ready!(self.poll_flush(cx))?;
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        Pin::new(io).poll_shutdown(cx)
    }
}
