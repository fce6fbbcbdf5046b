//! What the halves of a connection share, and the lock around it: every change ends with a look whether a keeper is
//! needed, and with what there is to tell once nothing is locked.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{closing, keeper, state::State};
use crate::{
    close::CloseFrame,
    connection::{About, Control},
    counters::Counters,
    ended::EndedBy,
    gate::Gate,
    identity::Subject,
    policy::{Action, Policy},
    settings::Settings,
    sync::lock,
};

/// What the handler's half, the handle and the keeper share.
pub(crate) struct Shared<T> {
    pub(crate) about: Arc<About>,
    pub(super) state: Mutex<State<T>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Shared<T> {
    /// The upgrade has completed: this is the transport.
    pub(crate) fn activate(self: &Arc<Self>, io: T, shutdown_first: bool) {
        self.with(|state| state.activate(io, Vec::new(), shutdown_first));
    }

    /// What the connection must say first, if anything.
    pub(crate) fn take_gate(&self) -> Option<Box<Gate>> {
        lock(&self.state).gate.take()
    }

    /// Goes on behind a handler that may be gone.
    pub(super) fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        // While the thread unwinds, a transport that panics too would end the process.
        let farewell = if std::thread::panicking() { None } else { state.leave() };
        let handled = state.is_handled();
        self.unlock(state);
        match farewell {
            Some(farewell) => closing::part(&self.about, farewell),
            None => self.with(|_| ()),
        }
        if handled {
            self.about.handled();
        }
    }

    /// Tells what there is to tell. Where nothing is locked: whoever records it may ask the connection something.
    pub(super) fn unlock(&self, mut state: MutexGuard<'_, State<T>>) {
        let report = state.guard.report();
        drop(state);
        self.about.tell(report);
    }

    /// Changes the state, then sees that somebody keeps the connection if it needs that.
    pub(super) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let (result, spawn, report) = {
            let mut state = lock(&self.state);
            let result = change(&mut state);
            (result, state.wants_keeper(), state.guard.report())
        };
        self.about.tell(report);
        if spawn {
            self.about.runtime.spawn(keeper::keep(self.clone()));
        }
        result
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Control for Shared<T> {
    fn close(self: Arc<Self>, frame: CloseFrame, grace: Option<Duration>) {
        self.with(|state| state.begin_close(Some(frame), EndedBy::Guard, grace));
    }

    fn close_patiently(self: Arc<Self>, frame: CloseFrame, quiet: Duration, grace: Duration) {
        self.with(|state| state.begin_patient_close(frame, quiet, grace));
    }

    fn abort(self: Arc<Self>) {
        self.with(State::abort);
    }

    fn finish(self: Arc<Self>, frame: CloseFrame) {
        let mut state = lock(&self.state);
        state.finish(frame);
        self.settle(state);
    }

    fn supervised(&self) {
        lock(&self.state).supervised = true;
    }

    fn authenticated(self: Arc<Self>, subject: &Subject) {
        self.with(|state| {
            let action = state.guard.on_authenticated(subject);
            state.act(action);
            // A policy's deadline may have come nearer.
            state.wake_keeper();
        });
    }

    fn counters(&self) -> Counters {
        lock(&self.state).guard.counters()
    }

    fn round_trip(&self) -> Option<Duration> {
        lock(&self.state).guard.round_trip()
    }

    fn install_outermost(&self, mut policy: Box<dyn Policy>) {
        let mut state = lock(&self.state);
        // A layer inside may have found out meanwhile who the peer is.
        let action = self.about.subject.get().map_or(Action::None, |subject| policy.on_authenticated(subject));
        state.guard.install_outermost(policy);
        state.act(action);
    }

    fn hold(&self, gate: Gate) -> bool {
        let mut state = lock(&self.state);
        let first = state.gate.is_none();
        state.gate.get_or_insert_with(|| Box::new(gate));
        first
    }

    fn allow_compression(&self) {
        lock(&self.state).guard.allow_compression();
    }

    fn configure(&self, settings: &Settings) {
        lock(&self.state).configure(settings);
    }
}
