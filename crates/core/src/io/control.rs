//! How the state is locked, changed and unlocked. Every change ends with a check whether a driver is needed, and with
//! the report of metrics and logs after the lock is released.
//!
//! # What a change may leave behind
//!
//! | What | Done | Why then |
//! | --- | --- | --- |
//! | a task to wake | before the unlock | the wakers are behind the lock |
//! | metrics and events to report | after the unlock | a recorder may call the handle, which locks |
//! | a driver to spawn | after the unlock | a runtime that has shut down drops it inside of `spawn`, and its destructor locks |
//! | a transport or policies to drop | after the unlock | their destructors are foreign code, and may call the handle |
//! | a closing handshake to begin | after the unlock | it polls the transport |
//!
//! `with` is for changes by the handle, `settle` for those after which the handler may be gone, `poll` for the
//! handler's own calls, and `unlock` for a caller that has done the rest itself. A method that locks and does none of
//! this may only read.

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{closing::spawn_closing, driver::drive, shared::Shared, state::State};
use crate::{
    carrier::Carrier,
    clock::now,
    close::CloseFrame,
    connection::{ConnectionInner, Control, Status},
    connection_state::ConnectionState,
    counters::Counters,
    gate::Gate,
    identity::Subject,
    policy::Policy,
    settings::{Grace, Settings},
    sync::lock,
};

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Shared<T> {
    /// The upgrade has completed with this transport, from which `inbox` was read already.
    pub(crate) fn activate(self: &Arc<Self>, io: T, inbox: Vec<u8>, carrier: Carrier) {
        // A transport that is no longer wanted comes back, and is dropped here, outside of the lock: the destructor of
        // a transport is foreign code.
        let mut state = lock(&self.state);
        let unwanted = state.activate(io, inbox, carrier, now());
        // `see_to` asks the policies what they wait for, and so would `is_at_ease`.
        if state.guard.has_policies() || !state.guard.is_at_ease() {
            self.see_to(state);
        } else {
            drop(state);
        }
        drop(unwanted);
    }

    /// Whether there is no transport yet.
    pub(crate) fn is_upgrading(&self) -> bool {
        lock(&self.state).guard.connection_state() == ConnectionState::Opening
    }

    /// Takes what judges the first message, if anything does.
    pub(crate) fn take_gate(&self) -> Option<Box<Gate>> {
        lock(&self.state).take_gate()
    }

    /// Ends a change after which the handler may be gone, and with it the connection.
    pub(super) fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        // `spawn_closing` polls the transport on this thread. While it unwinds, a second panic would abort the process,
        // so then the close is left to a driver.
        let closing = if std::thread::panicking() { None } else { state.take_if_abandoned(now()) };
        // Read under the same lock as the take-over: a `finish` on another thread may change it right after.
        let handled = state.guard.is_handled();
        self.unlock(state);
        match closing {
            Some(closing) => spawn_closing(self, closing),
            // Nothing was taken: the close that was decided needs a driver, which `with` spawns.
            None => self.with(|_| ()),
        }
        // Last, and outside of the lock: what is dropped here is the application's, and may call the handle.
        if handled {
            self.inner.handled();
        }
    }

    /// Cancels an alarm that is no longer needed, wakes tasks, releases the lock, then reports metrics and logs: a
    /// recorder may call the connection's handle, which locks the state.
    pub(super) fn unlock(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        if let Some(past) = state.guard.take_alarm_of_the_past() {
            self.cancel_alarm(past);
        }
        // Under the lock, where the wakers are. A task that looked before the change has parked its waker by now, and
        // one that looks later sees the change.
        state.wake();
        let delta = state.guard.take_delta();
        drop(state);
        self.inner.emit(delta);
    }

    /// Changes the state, then spawns a driver if the connection needs one.
    #[inline]
    pub(super) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        if !state.guard.is_at_ease() {
            self.see_to(state);
        }
        result
    }

    /// Polls for the handler. Most polls are plain, and leave nothing to be done after them.
    #[inline]
    pub(super) fn poll<R>(self: &Arc<Self>, poll: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = lock(&self.state);
        // Cleared before the poll and set at its end: a path that forgets to say that it was plain takes the slow way,
        // which is never wrong.
        state.guard.begin_call();
        let result = poll(&mut state);
        if !state.guard.was_plain() && !state.guard.is_at_ease() {
            self.see_to(state);
        }
        result
    }

    /// Does what a change has left to do.
    #[cold]
    pub(super) fn see_to(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        let before = state.guard.alarm();
        // `wants_driver` marks the driver as spawned. It does so under the lock, so of two threads only one spawns it.
        let spawn = state.guard.wants_driver(now);
        let sounding = self.move_alarm(before, state.guard.alarm());
        self.unlock(state);
        // After unlocking: a runtime that has shut down drops the driver inside of `spawn`, and its destructor locks
        // the state.
        if spawn {
            self.inner.runtime.spawn(drive(self.clone()));
        }
        if let Some(sounding) = sounding {
            self.inner.runtime.spawn(sounding);
        }
    }

    /// Spawns a driver, unless there is one.
    pub(super) fn spawn_driver(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        let before = state.guard.alarm();
        let spawn = state.guard.needs_driver();
        if let Some(before) = before {
            self.cancel_alarm(before);
        }
        drop(state);
        if spawn {
            self.inner.runtime.spawn(drive(self.clone()));
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Control for Shared<T> {
    fn inner(&self) -> &ConnectionInner {
        &self.inner
    }

    fn close(self: Arc<Self>, frame: CloseFrame, grace: Option<Grace>) {
        self.with(|state| state.guard.close(frame, grace, now()));
    }

    fn abort(self: Arc<Self>) {
        self.with(|state| state.guard.abort());
    }

    fn finish(self: Arc<Self>, frame: CloseFrame) {
        // `settle` rather than `with`: if the socket was dropped before, this is what takes the transport over.
        let mut state = lock(&self.state);
        state.guard.finish(frame, now());
        self.settle(state);
    }

    fn supervised(&self) {
        lock(&self.state).guard.supervise();
    }

    fn authenticated(self: Arc<Self>, subject: &Subject) {
        self.with(|state| state.guard.authenticated(subject, now()));
    }

    fn counters(&self) -> Counters {
        lock(&self.state).guard.counters()
    }

    fn status(&self) -> Status {
        let state = lock(&self.state);
        Status::new(state.guard.connection_state(), state.guard.counters(), state.guard.round_trip())
    }

    fn round_trip(&self) -> Option<Duration> {
        lock(&self.state).guard.round_trip()
    }

    fn install_outermost(&self, policy: Box<dyn Policy>) {
        let mut state = lock(&self.state);
        // A layer further inside may have authenticated the peer by now. That `inner` has a subject does not mean that
        // the policies were notified: `authenticate` stores the subject first and locks the state afterwards, and it
        // may be between the two now. Then it notifies this policy with the others, so the guard notifies it only if it
        // has notified them. Either way each policy is notified once.
        state.guard.make_room(self.inner.proposed_policies());
        state.guard.install(policy, self.inner.subject(), now);
        state.wake();
    }

    fn hold(&self, gate: Gate) -> bool {
        lock(&self.state).hold(gate)
    }

    fn allow_compression(&self) {
        lock(&self.state).guard.allow_compression();
    }

    fn configure(&self, settings: &Arc<Settings>) {
        lock(&self.state).configure(settings);
    }
}
