//! Who waits for the connection: up to three tasks, of which a transport remembers one.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
};

/// The wakers of both halves of the handler's, and of the driver.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    driver: Option<Waker>,
}

/// Wakes the handler and the driver: while a frame of the guard's own waits, either may be the one that sends it.
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
        park(&mut self.driver, cx);
    }

    /// The reader's, for a read on its behalf.
    pub(super) fn reader(&self) -> Waker {
        self.reader.clone().unwrap_or_else(|| Waker::noop().clone())
    }

    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Wakes the reader, which stays parked.
    pub(super) fn nudge_reader(&self) {
        self.reader.iter().for_each(Waker::wake_by_ref);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_driver(&mut self) {
        self.driver.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn forget_driver(&mut self) {
        self.driver = None;
    }

    /// A transport wakes whoever asked last: the driver must not take the handler's place, nor the handler the
    /// driver's.
    pub(super) fn both(&self, cx: &Context<'_>) -> Waker {
        let mut others = [&self.driver, &self.writer].into_iter().flatten();
        match others.find(|other| !other.will_wake(cx.waker())) {
            Some(other) => Arc::new(Both(cx.waker().clone(), other.clone())).into(),
            None => cx.waker().clone(),
        }
    }
}

/// Keeps the waker of a call that found nothing to do.
#[inline]
fn park(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
