//! Changes from outside. Every one ends with a look whether a driver is needed, and with what there is to tell once
//! nothing is locked.

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
    connection::Control,
    counters::Counters,
    gate::Gate,
    identity::Subject,
    policy::Policy,
    settings::{Grace, Settings},
    sync::lock,
};

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Shared<T> {
    /// The upgrade has completed: this is the transport, and what was read of it already.
    pub(crate) fn activate(self: &Arc<Self>, io: T, inbox: Vec<u8>, carrier: Carrier) {
        drop(self.with(|state| state.activate(io, inbox, carrier, now())));
    }

    /// Whether the connection must say something first.
    pub(crate) fn has_gate(&self) -> bool {
        lock(&self.state).has_gate()
    }

    /// What the connection must say first, if anything.
    pub(crate) fn take_gate(&self) -> Option<Box<Gate>> {
        lock(&self.state).take_gate()
    }

    /// Goes on behind a handler that may be gone.
    pub(super) fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        // While the thread unwinds, a transport that panics too would end the process.
        let closing = if std::thread::panicking() { None } else { state.take_if_abandoned(now()) };
        let handled = state.guard.is_handled();
        self.unlock(state);
        match closing {
            Some(closing) => spawn_closing(&self.inner, closing),
            None => self.with(|_| ()),
        }
        if handled {
            self.inner.handled();
        }
    }

    /// Tells what there is to tell. Where nothing is locked: whoever records it may ask the connection something.
    pub(super) fn unlock(&self, mut state: MutexGuard<'_, State<T>>) {
        state.wake();
        let delta = state.guard.take_delta();
        drop(state);
        self.inner.emit(delta);
    }

    /// Changes the state, then sees that the connection has a driver if it needs one.
    #[inline]
    pub(super) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        if !state.guard.is_at_ease() {
            self.see_to(state);
        }
        result
    }

    /// Polls for the handler. Most polls are plain, and there is nothing to see to behind one.
    #[inline]
    pub(super) fn poll<R>(self: &Arc<Self>, poll: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = lock(&self.state);
        state.guard.begin_call();
        let result = poll(&mut state);
        if !state.guard.was_plain() && !state.guard.is_at_ease() {
            self.see_to(state);
        }
        result
    }

    /// Sees to what a change has left to do.
    #[cold]
    fn see_to(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        // Under the lock the guard takes the driver for spawned, so that of two threads one spawns it.
        let spawn = state.guard.wants_driver();
        self.unlock(state);
        // Unlocked: a runtime that has shut down drops the driver on the spot, and that locks the state.
        if spawn {
            self.inner.runtime.spawn(drive(self.clone()));
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Control for Shared<T> {
    fn close(self: Arc<Self>, frame: CloseFrame, grace: Option<Grace>) {
        self.with(|state| state.guard.close(frame, grace, now()));
    }

    fn abort(self: Arc<Self>) {
        self.with(|state| state.guard.abort());
    }

    fn finish(self: Arc<Self>, frame: CloseFrame) {
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

    fn round_trip(&self) -> Option<Duration> {
        lock(&self.state).guard.round_trip()
    }

    fn install_outermost(&self, policy: Box<dyn Policy>) {
        let mut state = lock(&self.state);
        // A layer inside may have found out meanwhile who the peer is. That `about` knows it does not suffice: of that
        // `authenticated` may be about to tell all policies, this one among them.
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
