//! The task that does for a connection what its handler may not get to: deadlines, delays, pings, and the close.
//!
//! It is spawned when there is something to wait for, and ends when there is nothing, or nothing but a deadline that is
//! far off, which is left to an alarm (`alarms`). While it waits, the connection wakes it for a deadline that comes
//! nearer; a handler that reads and writes does most of the rest itself.
//!
//! # A life
//!
//! 1. A change leaves something due that the handler may not get to: a policy's deadline, a delay, a ping, a close.
//!    `Shared::see_to` marks the connection as driven, under the lock, and spawns this.
//! 2. Each poll locks the state, parks the waker, does what is due (`State::drive`), and sleeps until the next time.
//! 3. It ends when nothing is due soon any more, and says so under the same lock: a later change spawns another. Or it
//!    takes the transport, and runs the closing handshake to the end of the connection.
//!
//! # The order in `drive`
//!
//! Delays end first, as the handler is to read what they held back. Then the peer is looked at, before it is judged.
//! Then its input is read on during a delay, with the driver's own waker, which must be the last that the transport
//! gets. Frames of the guard's own are sent after the judgement, since that may have requested a ping. What comes next
//! is computed last, over all of it.
//!
//! # What may go wrong
//!
//! - **A policy panics.** The panic is caught, the connection is closed with 1011, and `drive` runs once more to begin
//!   the close. The policy is asked nothing again: the phase is not open any more.
//! - **A recorder panics** while metrics are reported. It is caught: the transport is already in `next`, and must still
//!   be closed.
//! - **The runtime shuts down.** The future is dropped, and its destructor ends a connection that is closing. One that
//!   is open belongs to its handler, which is dropped as well.
//! - **The transport fails** while the handler does not read. The connection ends at once, with its permits; the
//!   handler may still read what came before.

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
use crate::{
    clock::{self, now},
    close::CloseFrame,
    ended::Ended,
    guard,
    sync::lock,
};

/// The driver exists before it is spawned: if the runtime has shut down, it is dropped without ever being polled, and
/// its destructor ends the connection.
pub(super) fn drive<T>(shared: Arc<Shared<T>>) -> impl Future<Output = ()> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Driver { shared, sleep: None, closing: None, reminded: 0, reads: false, done: false }
}

pin_project! {
    /// Many connections may have one at once, so it is small: the closing handshake is boxed.
    struct Driver<T> {
        shared: Arc<Shared<T>>,
        // Created at the first deadline, and reset from then on.
        #[pin]
        sleep: Option<Sleep>,
        // The closing handshake, or the wait for the end of the transport.
        closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        // The number of the last ping of whose answer the task of the alarms reminds it.
        reminded: u32,
        // The transport wakes it for input, and not the reader.
        reads: bool,
        // The end of the connection is no longer up to this driver: it has ended, or something else will end it.
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
    /// A driver is dropped before it is done only when its runtime shuts down. Nothing else would end the connection.
    fn runtime_shut_down(&self) {
        let mut state = lock(&self.state);
        // The connection is open: the handler still has it, and ends it by dropping its half. But the guard must not
        // count on this driver any more.
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

/// What the driver does after it has looked at the state.
enum Next<T> {
    /// Wait until that time, or until it is woken.
    Wait(Option<Instant>),
    /// Wait for the answer to the ping of that number, until that time at most.
    Await { ping: u32, until: Instant },
    /// Run the closing handshake.
    Close(Box<ClosingHandshake<T>>),
    /// Nothing before a deadline that is far off, for which an alarm is set.
    Rest,
    /// Nothing: the connection needs no driver.
    Done,
    /// It was aborted: wait for the end of the transport.
    Leave(Leaving<T>, DropUnlocked),
    /// It has ended. The transport and the policies are dropped after the lock is released.
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
            let (next, delta, sounding) = {
                let mut state = lock(&this.shared.state);
                let next = state.drive_guarded(cx, this.reads);
                let sounding = match next {
                    // Once for each ping, however often its peer makes the driver look.
                    Next::Await { ping, until } if *this.reminded != ping => {
                        *this.reminded = ping;
                        this.shared.remind_at(until)
                    }
                    Next::Rest => this.shared.move_alarm(None, state.guard.alarm()),
                    _ => None,
                };
                (next, state.guard.take_delta(), sounding)
            };
            *this.done = !matches!(next, Next::Wait(_) | Next::Await { .. });
            // `next` owns the transport by now, and nothing else ends this connection. A recorder or a subscriber that
            // panics must not cost it its close. The panic hook has reported it.
            let _panicked = catch_unwind(AssertUnwindSafe(|| this.shared.inner.emit(delta)));
            if let Some(sounding) = sounding {
                this.shared.inner.runtime.spawn(sounding);
            }
            match next {
                Next::Close(closing) => {
                    let end = EndOnDrop::new(this.shared, closing.ended());
                    *this.closing = Some(Box::pin(run_closing(end, closing)));
                }
                Next::Leave(leaving, policies) => {
                    drop(policies);
                    let end = EndOnDrop::new(this.shared, Ended::aborted());
                    *this.closing = Some(Box::pin(run_leaving(end, leaving)));
                }
                Next::Rest | Next::Done => return Poll::Ready(()),
                Next::Ended(ended, io, policies) => {
                    drop((io, policies));
                    this.shared.inner.end(ended);
                    return Poll::Ready(());
                }
                Next::Wait(None) | Next::Await { .. } => return Poll::Pending,
                Next::Wait(Some(until)) => ready!(poll_sleep(this.sleep.as_mut(), until, cx)),
            }
        }
    }
}

/// Waits until a time, with a timer that is created when it is first needed, and reset only if the time has changed.
/// One that fires returns `Ready`, and the task looks again.
pub(super) fn poll_sleep(mut sleep: Pin<&mut Option<Sleep>>, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let until = tokio::time::Instant::from_std(until);
    match sleep.as_mut().as_pin_mut() {
        Some(sleep) if sleep.deadline() != until => sleep.reset(until),
        Some(_) => {}
        None => sleep.set(Some(sleep_until(until))),
    }
    sleep.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(cx))
}

impl<T> State<T> {
    /// From here on a change that needs a driver spawns a new one. In the same critical section as the decision to end:
    /// a change after it would otherwise count on a driver that is gone.
    fn driver_ends(&mut self) {
        self.guard.driver_ends();
        self.wakers.forget_driver();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    /// Calls [`drive`](Self::drive), and closes the connection if a policy panics: without a driver, nothing would be
    /// enforced on it any more.
    fn drive_guarded(&mut self, cx: &mut Context<'_>, reads: &mut bool) -> Next<T> {
        // Unwind safe: only the policy's own state may be left inconsistent. The guard has changed nothing yet when it
        // asks a policy.
        catch_unwind(AssertUnwindSafe(|| self.drive(cx, reads))).unwrap_or_else(|_| {
            self.guard.close(CloseFrame::internal_error(), None, now());
            self.drive(cx, reads)
        })
    }

    /// Does what is due, and returns what comes next.
    fn drive(&mut self, cx: &mut Context<'_>, reads: &mut bool) -> Next<T> {
        // Parked under the same lock as the look: any later change finds the waker.
        self.wakers.park_driver(cx);
        let now = now();
        self.guard.driver_wakes(now);
        let last_ping = self.guard.last_ping();
        if self.guard.end_delay(now) {
            // The handler is the one to read what the delay held back.
            self.wakers.wake_reader();
        }
        let mut failed = false;
        if self.guard.is_judging(now) {
            // A peer must not be judged by a handler that is slow: its pong may be in the socket already, and the
            // socket may have room again.
            failed = self.look();
            self.transport.look_for_room();
            self.guard.stalled(self.transport.stalled_since());
            self.guard.judge_peer(now);
        }
        // After `look`, which polls with the reader's waker: the transport keeps the waker of the last poll, and during
        // a delay that must be the driver's.
        failed |= self.read_on(cx);
        failed |= self.await_pong(cx, reads, now);
        failed |= self.send_own(cx);
        if self.guard.last_ping() != last_ping {
            self.guard.sent_ping(now, clock::now());
        }
        let next = if failed && self.guard.is_live() { self.lose() } else { self.next(now) };
        match next {
            Next::Wait(_) | Next::Await { .. } => {}
            Next::Rest => self.wakers.forget_driver(),
            _ => self.driver_ends(),
        }
        // A wake of the driver is dropped: `next` was computed after everything that may have requested it.
        if self.guard.take_wakes().handler {
            self.wake_handler();
        }
        next
    }

    fn next(&mut self, now: Instant) -> Next<T> {
        match self.guard.next(now) {
            guard::Next::Wait(Some(until)) if self.guard.rests(until, || now) => Next::Rest,
            guard::Next::Wait(until) => Next::Wait(until),
            guard::Next::Await { ping, until } => Next::Await { ping, until },
            guard::Next::Take => self.take_over(now).map_or(Next::Done, |closing| Next::Close(Box::new(closing))),
            guard::Next::Abort => {
                let carrier = self.guard.carrier();
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

    /// A failed transport ends its connection, even if the handler has not read everything.
    fn lose(&mut self) -> Next<T> {
        let ended = self.guard.lose();
        let bystanders = DropUnlocked::new(self.guard.take_bystanders(), self.take_gate());
        Next::Ended(ended, self.transport.take(), bystanders)
    }

    /// Sends frames of the guard's own that the handler's writes have not taken along. Returns whether the transport
    /// has failed.
    fn send_own(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.guard.outbox.is_empty() && self.guard.is_between_frames() {
            let polled = self.poll_outbox(cx);
            if polled.is_ready() {
                // The handler's write may have been waiting for these frames to go first. And this poll has replaced
                // its waker in the transport with the driver's.
                self.wakers.wake_writer();
            }
            if matches!(polled, Poll::Ready(Err(_))) {
                return true;
            }
        }
        self.guard.outbox.is_unflushed() && matches!(self.poll_flush_transport(cx), Poll::Ready(Err(_)))
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use std::time::Duration;

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
    };
    use tokio::{io::AsyncReadExt, io::AsyncWriteExt, io::duplex, runtime::Builder, time::timeout};

    use super::*;
    use crate::{
        close::CloseCode,
        frame::put_close_masked,
        io::GuardedIo,
        policy::{Action, Activity, Policy},
        settings::Settings,
    };

    /// Panics when a violation is counted.
    struct Panics;

    impl Recorder for Panics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert!(!key.name().contains("violations"), "on purpose");
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    /// Closes the connection a second after it has begun.
    struct Closes;

    impl Policy for Closes {
        fn deadline(&self, activity: &Activity) -> Option<Instant> {
            activity.opened.map(|opened| opened + Duration::from_secs(1))
        }

        fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
            Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, ""))
        }
    }

    #[test]
    fn a_recorder_that_panics_does_not_cost_a_connection_its_close() {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        with_local_recorder(&Panics, || {
            runtime.block_on(async {
                let (mut peer, io) = duplex(64);
                let (_guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(Closes)]);
                let mut close = [0; 4];
                timeout(Duration::from_secs(5), peer.read_exact(&mut close)).await.expect("it is closed").unwrap();
                assert_eq!(close, [0x88, 2, 3, 240]);
                let mut answer = Vec::new();
                put_close_masked(&mut answer, &CloseFrame::new(CloseCode::POLICY_VIOLATION, ""));
                peer.write_all(&answer).await.unwrap();
                timeout(Duration::from_secs(5), connection.closed()).await.expect("it has ended");
            });
        });
    }
}
