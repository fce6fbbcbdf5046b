//! Whether the transport takes what is sent, for policies that watch it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::io::AsyncWrite;

use super::state::{LONGEST, Phase, State};
use crate::{clock::now, guard::Measure};

/// A write or a flush that found no room, and whether there was room since: a handler that gave it up does not ask
/// again.
pub(super) struct Stall {
    writer: Waker,
    /// It was a flush.
    flush: bool,
    room: AtomicBool,
}

impl Wake for Stall {
    fn wake(self: Arc<Self>) {
        self.room.store(true, Ordering::Release);
        self.writer.wake_by_ref();
    }
}

impl<T: AsyncWrite + Unpin> State<T> {
    /// Writes to the transport, and keeps since when that takes nothing.
    #[inline]
    pub(super) fn poll_transport(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let polled = write(Pin::new(io), cx);
        if self.guard.watches_output() { self.follow(cx, polled, false, write) } else { polled }
    }

    /// Flushes the transport: one that has a buffer of its own, such as TLS, takes what is written, and waits here.
    #[inline]
    pub(super) fn poll_transport_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        let polled = Pin::new(io).poll_flush(cx);
        if self.guard.watches_output() { self.follow(cx, polled, true, AsyncWrite::poll_flush) } else { polled }
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
        // Again, with a waker that remembers that it was woken.
        let stall = Arc::new(Stall { writer: cx.waker().clone(), flush, room: AtomicBool::new(false) });
        let waker = stall.clone().into();
        let polled = operate(Pin::new(io), &mut Context::from_waker(&waker));
        self.look_for_room();
        if polled.is_ready() {
            self.moved(cx, flush);
        } else {
            self.stall = Some(stall);
            self.guard.standing.stalled_since.get_or_insert_with(now);
            let deadline = self.guard.deadline();
            self.rearm(deadline);
        }
        polled
    }

    /// Something went on. A flush says nothing of a write that found no room, as most transports have nothing to flush;
    /// and one that buffers takes what is written though nothing of it goes out.
    fn moved(&mut self, cx: &mut Context<'_>, flush: bool) {
        match &self.stall {
            Some(stall) if stall.flush && !flush => drop(self.poll_transport_flush(cx)),
            Some(stall) if flush && !stall.flush => {}
            _ => self.flows(),
        }
    }

    fn flows(&mut self) {
        self.stall = None;
        self.guard.standing.stalled_since = None;
    }

    /// Forgets a stall after which there was room.
    pub(super) fn look_for_room(&mut self) {
        if self.stall.as_ref().is_some_and(|stall| stall.room.load(Ordering::Acquire)) {
            self.flows();
        }
    }

    /// Says that what was measured went out, all of it.
    #[inline]
    pub(super) fn wrote(&mut self, measure: Measure) {
        if let Phase::Ending(ending) = &mut self.phase {
            ending.quiet_at = (now() + self.settings.quiet.min(LONGEST)).min(ending.deadline);
        }
        if self.guard.watches_output() && measure.has_data() {
            self.guard.standing.last_message_out = Some(now());
        }
        self.guard.wrote(measure);
    }
}
