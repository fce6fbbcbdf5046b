//! The task that does for a connection what its handler may not get to: deadlines, delays, pings, and the close.
//!
//! It is spawned when there is something to wait for, and ends when there is nothing. While it waits, the connection
//! tells it of what comes nearer; a handler that reads and writes does most of the rest itself.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Sleep, sleep_until},
};

use super::{
    closing::{ClosingHandshake, DropUnlocked, run_closing},
    leaving::{EndOnDrop, Leaving, run_leaving},
    shared::Shared,
    state::State,
};
use crate::{clock::now, close::CloseFrame, ended::Ended, guard, sync::lock};

/// Made where the driver is spawned: a runtime that shuts down drops it before it was polled.
pub(super) fn drive<T>(shared: Arc<Shared<T>>) -> impl Future<Output = ()> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Driver { shared, sleep: None, closing: None, done: false }
}

pin_project! {
    /// There is one for each connection with a deadline, and so it is small.
    struct Driver<T> {
        shared: Arc<Shared<T>>,
        #[pin]
        sleep: Option<Sleep>,
        closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        // The connection is no longer its own.
        done: bool,
    }

    impl<T> PinnedDrop for Driver<T> {
        fn drop(this: Pin<&mut Self>) {
            if !this.done {
                this.shared.runtime_shut_down();
            }
        }
    }
}

impl<T> Shared<T> {
    /// A driver that is dropped before it was done goes with its runtime: there is nobody left to end the connection.
    fn runtime_shut_down(&self) {
        let mut state = lock(&self.state);
        if !state.guard.is_ending() && !state.guard.is_aborted() {
            return state.driver_ends();
        }
        let (ended, _io, _policies) = state.end();
        let delta = state.guard.take_delta();
        drop(state);
        self.inner.emit(delta);
        self.inner.end(ended);
    }
}

/// What follows a look at the connection.
enum Next<T> {
    Wait(Option<Instant>),
    Close(Box<ClosingHandshake<T>>),
    Done,
    /// It was aborted.
    Leave(Leaving<T>, DropUnlocked),
    /// It has ended, and what it had is dropped where nothing is locked.
    Ended(Ended, Option<T>, DropUnlocked),
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Driver<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if let Some(closing) = this.closing {
                return closing.as_mut().poll(cx);
            }
            let (next, delta) = {
                let mut state = lock(&this.shared.state);
                (state.drive_guarded(cx), state.guard.take_delta())
            };
            *this.done = !matches!(next, Next::Wait(_));
            this.shared.inner.emit(delta);
            match next {
                Next::Close(closing) => {
                    let end = EndOnDrop::new(&this.shared.inner, closing.ended());
                    *this.closing = Some(Box::pin(run_closing(end, closing)));
                }
                Next::Leave(leaving, policies) => {
                    drop(policies);
                    let end = EndOnDrop::new(&this.shared.inner, Ended::aborted());
                    *this.closing = Some(Box::pin(run_leaving(end, leaving)));
                }
                Next::Done => return Poll::Ready(()),
                Next::Ended(ended, io, policies) => {
                    drop((io, policies));
                    this.shared.inner.end(ended);
                    return Poll::Ready(());
                }
                Next::Wait(None) => return Poll::Pending,
                Next::Wait(Some(until)) => ready!(poll_sleep(this.sleep.as_mut(), until, cx)),
            }
        }
    }
}

fn poll_sleep(mut sleep: Pin<&mut Option<Sleep>>, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let until = tokio::time::Instant::from_std(until);
    match sleep.as_mut().as_pin_mut() {
        Some(sleep) if sleep.deadline() != until => sleep.reset(until),
        Some(_) => {}
        None => sleep.set(Some(sleep_until(until))),
    }
    sleep.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(cx))
}

impl<T> State<T> {
    fn driver_ends(&mut self) {
        self.guard.driver_ends();
        self.wakers.forget_driver();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    /// [`drive`](Self::drive), even if a policy panics: nobody would enforce anything any more, so the connection
    /// closes.
    fn drive_guarded(&mut self, cx: &mut Context<'_>) -> Next<T> {
        // What a panic may leave half done is the policy's own: the guard has changed nothing yet when it asks one.
        catch_unwind(AssertUnwindSafe(|| self.drive(cx))).unwrap_or_else(|_| {
            self.guard.close(CloseFrame::internal_error(), None, now());
            self.drive(cx)
        })
    }

    /// Does what is due, and says what comes next.
    fn drive(&mut self, cx: &mut Context<'_>) -> Next<T> {
        // Before the look: what changes once this is unlocked finds the waker.
        self.wakers.park_driver(cx);
        let now = now();
        self.guard.driver_wakes(now);
        if self.guard.end_delay(now) {
            self.wakers.wake_reader();
        }
        let mut failed = false;
        if self.guard.is_judging(now) {
            failed = self.look();
            self.transport.look_for_room();
            self.guard.stalled(self.transport.stalled_since());
            self.guard.judge_peer(now);
        }
        // Behind the look, which leaves the handler's waker with the transport.
        failed |= self.read_on(cx);
        failed |= self.send_own(cx);
        let next = if failed && self.guard.is_live() { self.lose() } else { self.next(now) };
        if !matches!(next, Next::Wait(_)) {
            self.driver_ends();
        }
        // Its own wakes are in `next` already.
        if self.guard.take_wakes().handler {
            self.wake_handler();
        }
        next
    }

    fn next(&mut self, now: Instant) -> Next<T> {
        match self.guard.next(now) {
            guard::Next::Wait(until) => Next::Wait(until),
            guard::Next::Take => self.take_over(now).map_or(Next::Done, |closing| Next::Close(Box::new(closing))),
            guard::Next::Abort => {
                let carrier = self.transport.carrier();
                let (_ended, io, policies) = self.end();
                self.wake_handler();
                match io {
                    Some(io) => Next::Leave(Leaving::new(io, carrier), policies),
                    None => Next::Ended(Ended::aborted(), None, policies),
                }
            }
            guard::Next::Nothing => Next::Done,
        }
    }

    /// A failed transport is the end of its connection, however much of it the handler has not read.
    fn lose(&mut self) -> Next<T> {
        let ended = self.guard.lose();
        let bystanders = DropUnlocked::new(self.guard.take_bystanders(), self.take_gate());
        Next::Ended(ended, self.transport.take(), bystanders)
    }

    /// Sends frames of the guard's own that the handler has not taken along. Says whether the transport has failed.
    fn send_own(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.guard.outbox.is_empty() && self.guard.is_between_frames() {
            let polled = self.poll_outbox(cx);
            if polled.is_ready() {
                // The handler's own write may have been waiting behind these, or its waker replaced by ours.
                self.wakers.wake_writer();
            }
            if matches!(polled, Poll::Ready(Err(_))) {
                return true;
            }
        }
        self.guard.outbox.is_unflushed() && matches!(self.poll_flush_transport(cx), Poll::Ready(Err(_)))
    }
}
