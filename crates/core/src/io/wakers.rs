//! The wakers of a connection's tasks: up to three wait for it, and a transport remembers only the last that polled.
//!
//! All of this is behind the connection's lock. A task parks its waker in the same critical section in which it finds
//! that it has to wait, so a change cannot come between the two.
//!
//! | Slot | Parked by | Woken by |
//! | --- | --- | --- |
//! | reader | a read that has nothing to deliver, and a gate | input that the driver has found, the end of a delay, a close, an abort |
//! | writer | a write or a flush that is pending, or must begin no other frame | the driver, when the guard's own frames are out; the take-over |
//! | driver | each of its polls | a deadline that has come nearer, a close, a write that ends at a boundary where a ping waits |
//!
//! A waker that is woken is taken out, except where the transport may wake a clone of it as well. A task that is woken
//! in vain parks again.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
};

/// The wakers of the handler's reading and writing halves, and of the driver.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Boxed: most connections have no driver most of the time.
    driver: Option<Box<Waker>>,
}

/// Wakes the handler and the driver: while a frame of the guard's own is unsent, either may be the one to send it.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

impl Wakers {
    #[inline]
    pub(super) fn park_reader(&mut self, cx: &Context<'_>) {
        park(&mut self.reader, cx);
    }

    #[inline]
    pub(super) fn park_writer(&mut self, cx: &Context<'_>) {
        park(&mut self.writer, cx);
    }

    pub(super) fn park_driver(&mut self, cx: &Context<'_>) {
        if !self.driver.as_ref().is_some_and(|driver| driver.will_wake(cx.waker())) {
            self.driver = Some(Box::new(cx.waker().clone()));
        }
    }

    /// The reader's waker, for a poll on its behalf. Without a reader, no task is woken.
    pub(super) fn reader(&self) -> Waker {
        self.reader.clone().unwrap_or_else(|| Waker::noop().clone())
    }

    /// Wakes the reader, which parks again if it has to.
    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Wakes the reader and keeps its waker, since the transport holds a clone of it that may be woken too.
    pub(super) fn nudge_reader(&self) {
        self.reader.iter().for_each(Waker::wake_by_ref);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_driver(&mut self) {
        self.driver.take().into_iter().for_each(|driver| driver.wake());
    }

    pub(super) fn forget_driver(&mut self) {
        self.driver = None;
    }

    /// A waker for what both the handler and the driver wait for. The transport wakes only the task that polled last,
    /// so with the caller's own waker, either would displace the other.
    pub(super) fn both(&self, cx: &Context<'_>) -> Waker {
        let mut others = [self.driver.as_deref(), self.writer.as_ref()].into_iter().flatten();
        // The caller is one of the two, or the only one. Without another there is nothing to allocate.
        match others.find(|other| !other.will_wake(cx.waker())) {
            Some(other) => Arc::new(Both(cx.waker().clone(), other.clone())).into(),
            None => cx.waker().clone(),
        }
    }
}

/// Keeps the waker of a task that has to wait. A task that parks again and again costs no clone of its waker.
#[inline]
fn park(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
