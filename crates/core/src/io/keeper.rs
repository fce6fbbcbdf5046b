//! The task that does for a connection what its handler may not get to: deadlines, delays, pings, and the close.
//!
//! It is spawned when there is something to wait for, and leaves when there is nothing.

use std::{
    future::Future,
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
    Shared,
    closing::{Farewell, OnDrop, Retired, take_leave},
    state::{Phase, State, park},
};
use crate::{
    clock::now,
    ended::{Ended, EndedBy},
    sync::lock,
};

/// Made where the keeper is spawned: a runtime that shuts down drops it before it was polled.
pub(super) fn keep<T>(shared: Arc<Shared<T>>) -> impl Future<Output = ()> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Keeper { shared, sleep: None, leaving: None, left: false }
}

pin_project! {
    /// There is one for each connection with a deadline, and so it is small.
    struct Keeper<T> {
        shared: Arc<Shared<T>>,
        #[pin]
        sleep: Option<Sleep>,
        leaving: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        // The connection is no longer its own.
        left: bool,
    }

    impl<T> PinnedDrop for Keeper<T> {
        fn drop(this: Pin<&mut Self>) {
            if !this.left {
                this.shared.forsake();
            }
        }
    }
}

impl<T> Shared<T> {
    /// A keeper that is dropped before it was done goes with its runtime: there is nobody left to end the connection.
    fn forsake(&self) {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Ending(_) | Phase::Aborted) {
            return state.keeper_leaves();
        }
        let (_io, _retired, ended) = (state.io.take(), state.retire(), state.ended());
        state.phase = Phase::Over;
        let report = state.guard.report();
        drop(state);
        self.about.tell(report);
        self.about.end(ended);
    }
}

enum Next<T> {
    Wait(Option<Instant>),
    Close(Box<Farewell<T>>),
    Leave,
    Aborted(Retired),
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Keeper<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if let Some(leaving) = this.leaving {
                return leaving.as_mut().poll(cx);
            }
            let (next, report) = {
                let mut state = lock(&this.shared.state);
                (state.tend(cx), state.guard.report())
            };
            *this.left = !matches!(next, Next::Wait(_));
            this.shared.about.tell(report);
            match next {
                Next::Close(farewell) => {
                    let over = OnDrop(this.shared.about.clone(), farewell.ended.clone());
                    *this.leaving = Some(Box::pin(take_leave(over, farewell)));
                }
                Next::Leave => return Poll::Ready(()),
                Next::Aborted(retired) => {
                    drop(retired);
                    this.shared.about.end(Ended { by: EndedBy::Guard, frame: None, cut_short: true });
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

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    /// Does what is due, and says what comes next.
    fn tend(&mut self, cx: &mut Context<'_>) -> Next<T> {
        park(&mut self.keeper, cx);
        // Whatever comes nearer meanwhile is asked for below: it must not wake itself.
        self.armed = Some(self.created);
        let now = now();
        if matches!(self.phase, Phase::Open) {
            self.guard.notes.tick(now);
            self.deadlines(now);
        }
        let pending = self.send_waiting(cx);
        let next = match &mut self.phase {
            Phase::Open => self.open(now, pending),
            Phase::Ending(_) => self.ending(now),
            Phase::Aborted => {
                self.io = None;
                self.phase = Phase::Over;
                self.wake_all();
                Next::Aborted(self.retire())
            }
            Phase::Upgrading(_) | Phase::Taken { .. } | Phase::Over => Next::Leave,
        };
        match &next {
            Next::Wait(until) => self.armed = *until,
            _ => self.keeper_leaves(),
        }
        next
    }

    fn deadlines(&mut self, now: Instant) {
        if self.delayed.is_some_and(|until| until <= now) {
            self.delayed = None;
            self.resumed = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        if self.guard.deadline().is_some_and(|deadline| deadline <= now) {
            self.look();
            self.look_for_room();
            let action = self.guard.on_deadline(now);
            self.act(action);
        }
    }

    /// Sends frames of the guard's own that the handler has not taken along. Says whether some are still waiting.
    fn send_waiting(&mut self, cx: &mut Context<'_>) -> bool {
        let had = !self.outbox.is_empty();
        if had && self.guard.outbound_at_boundary() && !self.guard.is_capturing() {
            let polled = self.poll_outbox(cx);
            if polled.is_ready() {
                // The handler's own write may have been waiting behind these, or its waker replaced by ours.
                if let Some(writer) = self.writer.take() {
                    writer.wake();
                }
            }
        }
        if self.outbox_unflushed {
            let _pending_or_broken = self.poll_flush_io(cx);
        }
        !self.outbox.is_empty() || self.outbox_unflushed
    }

    fn open(&mut self, now: Instant, pending: bool) -> Next<T> {
        let deadline = if self.guard.has_policies() { self.guard.deadline() } else { None };
        let next = [deadline, self.delayed].into_iter().flatten().min();
        match next {
            // A policy that leaves its deadline in the past must not spin.
            Some(next) if next <= now => Next::Wait(Some(now + std::time::Duration::from_millis(1))),
            Some(next) => Next::Wait(Some(next)),
            None if pending => Next::Wait(None),
            None => Next::Leave,
        }
    }

    fn ending(&mut self, now: Instant) -> Next<T> {
        let settled = self.guard.outbound_at_boundary() && !self.guard.is_capturing();
        let Phase::Ending(ending) = &mut self.phase else { return Next::Leave };
        let quiet = now >= ending.quiet_at || now >= ending.last_frame;
        if now < ending.deadline && !(quiet && settled) {
            let times = [ending.quiet_at, ending.last_frame, ending.deadline];
            return Next::Wait(times.into_iter().filter(|time| *time > now).min());
        }
        self.take_over(now).map_or(Next::Leave, |farewell| Next::Close(Box::new(farewell)))
    }
}
