//! The guarded connection: a thin shell of I/O around [`Guard`](crate::guard::Guard).

mod closing;
mod ending;
mod held;
mod keeper;
mod read;
mod stall;
mod state;
mod write;

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Handle,
};

pub(crate) use self::held::pass;
use self::state::Phase;
pub(crate) use self::state::State;
use crate::{
    clock::now,
    close::CloseFrame,
    connection::{About, Connection, Control},
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
    pub(crate) state: Mutex<State<T>>,
}

/// A WebSocket's transport under guard. What reads and writes it is a WebSocket library, as a server.
///
/// Dropping it closes the connection as its handler would have: with an empty close frame, or with 1011 while the
/// thread unwinds from a panic.
pub struct GuardedIo<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    shared: Arc<Shared<T>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> GuardedIo<T> {
    /// Guards a transport over which the handshake is done already.
    ///
    /// Returns the handle too. Without policies every legal frame passes.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(io: T, settings: &Settings, policies: Vec<Box<dyn Policy>>) -> (Self, Connection) {
        let about = Arc::new(About::new(None, Handle::current()));
        let (guarded, connection) = Self::pending(about, settings);
        for policy in policies.into_iter().rev() {
            connection.control().install_outermost(policy);
        }
        guarded.shared.about.life.adopted(now());
        guarded.shared.activate(io, false);
        (guarded, connection)
    }

    /// A guard whose transport is yet to come.
    pub(crate) fn pending(about: Arc<About>, settings: &Settings) -> (Self, Connection) {
        let shared = Arc::new(Shared { about: about.clone(), state: Mutex::new(State::new(settings)) });
        let connection = Connection::new(about, shared.clone());
        (Self { shared }, connection)
    }

    pub(crate) fn shared(&self) -> Arc<Shared<T>> {
        self.shared.clone()
    }
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
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
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
    fn unlock(&self, mut state: MutexGuard<'_, State<T>>) {
        let report = state.guard.report();
        drop(state);
        self.about.tell(report);
    }

    /// Changes the state, then sees that somebody keeps the connection if it needs that.
    fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut State<T>) -> R) -> R {
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

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead for GuardedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|state| state.poll_read(cx, buf))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for GuardedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.with(|state| state.poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.with(|state| state.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.shared.state).is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|state| state.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|state| state.poll_shutdown(cx))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for GuardedIo<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if !state.abandon(std::thread::panicking()) {
            return self.shared.settle(state);
        }
        let (ended, _retired) = (state.ended(), state.retire());
        // What the connection held is dropped by its end, and may ask it something.
        self.shared.unlock(state);
        self.shared.about.end(ended);
        self.shared.about.handled();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> std::fmt::Debug for GuardedIo<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedIo").field("id", &self.shared.about.id).finish_non_exhaustive()
    }
}

impl<T> State<T> {
    /// Carries out what a policy asks for.
    fn act(&mut self, action: Action) {
        match action {
            Action::None => {}
            Action::Ping => self.send_ping(),
            // A peer that has closed is told what it said.
            Action::Close(_) if self.peer_close.is_some() => {
                let answer = self.parting();
                self.begin_close(Some(answer), EndedBy::Guard, None);
            }
            Action::Close(frame) => self.begin_close(Some(frame), EndedBy::Guard, None),
            Action::Abort => self.abort(),
        }
    }

    /// What has been taken from here is its taker's to end, and what has not come yet ends when it comes.
    fn abort(&mut self) {
        match self.phase {
            Phase::Open | Phase::Ending(_) => {
                self.phase = Phase::Aborted;
                self.wake_keeper();
            }
            Phase::Upgrading(_) => {
                self.doomed = true;
                self.wake_all();
            }
            _ => {}
        }
    }
}
