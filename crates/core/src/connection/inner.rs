//! What is known of a connection without its state.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Mutex, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http::{Method, StatusCode};
use tokio::{runtime::Handle, sync::Notify};

use crate::{
    clock::now,
    ended::Ended,
    handshake,
    id::ConnectionId,
    identity::{AnotherSubject, Subject},
    observe::{Delta, HandshakeStage, Scope},
    sync::lock,
};

/// What is known of a connection without its state.
#[derive(Debug)]
pub(crate) struct ConnectionInner {
    pub(crate) id: ConnectionId,
    pub(crate) started: Instant,
    /// The request is a CONNECT, as the outermost layer saw it: what is an upgrade depends on it.
    connects: bool,
    pub(crate) stage: HandshakeStage,
    pub(crate) scope: Scope,
    pub(super) client: OnceLock<IpAddr>,
    pub(super) subject: OnceLock<Subject>,
    pub(crate) runtime: Handle,
    pub(super) ended: OnceLock<Box<Ended>>,
    aborted: AtomicBool,
    /// It was aborted, or has ended.
    pub(super) changed: Notify,
    /// Orders what becomes known and who watches: a watcher finds it, or is told. And `hold` and `end`: a value is held
    /// before the end and dropped by it, or finds that it has come. `hold_for_handler` and `handled` likewise.
    bonds: Mutex<Bonds>,
}

/// What hangs on a connection.
#[derive(Debug, Default)]
struct Bonds {
    all: Vec<Bond>,
    /// The handler is done with the connection.
    handled: bool,
}

#[derive(Debug)]
enum Bond {
    /// Is told when something becomes known.
    Watcher(Weak<dyn Watch>),
    /// Is dropped when the connection has ended.
    Held(#[expect(dead_code, reason = "only its end matters")] Value),
    /// Is dropped when the handler is done.
    HeldForHandler(#[expect(dead_code, reason = "only its end matters")] Value),
}

/// Is told when a client address or a subject becomes known.
pub(crate) trait Watch: Send + Sync {
    fn known(&self, id: ConnectionId, what: Known);
}

/// What becomes known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Client,
    Subject,
}

impl Known {
    pub(crate) const ALL: [Self; 2] = [Self::Client, Self::Subject];
}

impl fmt::Debug for dyn Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// What somebody wants to be kept.
type Value = Box<dyn std::any::Any + Send>;

impl Bonds {
    /// A connection has few, for long: there is room for hardly more.
    fn push(&mut self, bond: Bond) {
        if self.all.len() == self.all.capacity() {
            self.all.reserve_exact(self.all.len().max(2));
        }
        self.all.push(bond);
    }

    /// Takes those out that are to be dropped, where nothing is locked.
    fn take(&mut self, wanted: impl Fn(&Bond) -> bool) -> Vec<Bond> {
        if self.all.iter().all(&wanted) {
            return std::mem::take(&mut self.all);
        }
        self.all.extract_if(.., |bond| wanted(bond)).collect()
    }
}

impl ConnectionInner {
    pub(crate) fn new(client: Option<IpAddr>, method: &Method, runtime: Handle) -> Self {
        let id = ConnectionId::next();
        let inner = Self {
            id,
            started: now(),
            connects: method == Method::CONNECT,
            stage: HandshakeStage::default(),
            scope: Scope::new(id),
            client: OnceLock::new(),
            subject: OnceLock::new(),
            runtime,
            ended: OnceLock::new(),
            aborted: AtomicBool::new(false),
            changed: Notify::new(),
            bonds: Mutex::default(),
        };
        if let Some(client) = client {
            inner.set_client_ip(client);
        }
        inner
    }

    /// Whether a response with this status completes the upgrade.
    pub(crate) fn is_upgrade(&self, status: StatusCode) -> bool {
        handshake::is_upgrade(if self.connects { &Method::CONNECT } else { &Method::GET }, status)
    }

    /// Who the peer is, as soon as it is known.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.subject.get()
    }

    /// To be called where nothing is locked.
    #[inline]
    pub(crate) fn emit(&self, delta: Option<Box<Delta>>) {
        if let Some(delta) = delta {
            delta.emit(&self.scope);
        }
    }

    pub(super) fn set_client_ip(&self, client: IpAddr) {
        // It is set once, and each layer says it again.
        if self.client.get().is_none() && self.learn(Known::Client, || self.client.set(client).is_ok()) {
            self.scope.record_client_ip(client);
        }
    }

    /// Says whether that was not known. Of two different subjects at once, one is told that it is the second.
    pub(super) fn identify(&self, subject: &Subject) -> Result<bool, AnotherSubject> {
        let known = self.subject.get().is_some();
        let first = !known && self.learn(Known::Subject, || self.subject.set(subject.clone()).is_ok());
        if first {
            self.scope.record_subject(subject);
        }
        // It is set once, and stays.
        if self.subject.get() == Some(subject) { Ok(first) } else { Err(AnotherSubject) }
    }

    /// Whoever watches from here on finds what is known by now, and is told of the rest.
    pub(crate) fn watch(&self, watcher: Weak<dyn Watch>) {
        lock(&self.bonds).push(Bond::Watcher(watcher));
    }

    /// Under the lock, so that each watcher either finds what is learnt or is told; they are told without it.
    fn learn(&self, what: Known, learn: impl FnOnce() -> bool) -> bool {
        let bonds = lock(&self.bonds);
        let first = learn();
        let watchers = bonds.all.iter().filter_map(|bond| match bond {
            Bond::Watcher(watcher) if first => Some(watcher.clone()),
            _ => None,
        });
        let told: Vec<_> = watchers.collect();
        drop(bonds);
        for watcher in told.iter().filter_map(Weak::upgrade) {
            watcher.known(self.id, what);
        }
        first
    }

    pub(super) fn hold(&self, value: Value) {
        let mut bonds = lock(&self.bonds);
        if self.ended.get().is_none() {
            return bonds.push(Bond::Held(value));
        }
        drop(bonds);
        drop(value);
    }

    pub(super) fn hold_for_handler(&self, value: Value) {
        let mut bonds = lock(&self.bonds);
        if !bonds.handled {
            return bonds.push(Bond::HeldForHandler(value));
        }
        drop(bonds);
        drop(value);
    }

    /// The handler is done with the connection. To be called while that is not locked: what is dropped may ask it.
    pub(crate) fn handled(&self) {
        let held = {
            let mut bonds = lock(&self.bonds);
            bonds.handled = true;
            bonds.take(|bond| matches!(bond, Bond::HeldForHandler(_)))
        };
        drop(held);
    }

    /// Sets the flag, then wakes: a waiter that registers too late to be woken finds the flag set.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Waits until the connection is aborted.
    pub(crate) async fn aborted(&self) {
        loop {
            // `notify_waiters` reaches this from here on, polled or not. An abort before that has set the flag.
            let notified = self.changed.notified();
            if self.aborted.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// To be called where nothing is locked.
    pub(crate) fn end(&self, ended: Ended) {
        // Under the lock of `hold`: whoever holds something finds that the connection has ended, or is found here.
        let held = {
            let mut bonds = lock(&self.bonds);
            if self.ended.set(Box::new(ended)).is_err() {
                return;
            }
            bonds.take(|bond| !matches!(bond, Bond::HeldForHandler(_)))
        };
        let _told_at_last = TellOnDrop(&self.changed);
        if let Some(ended) = self.ended.get() {
            self.stage.ended(ended, &self.scope, now());
        }
        // What is dropped may ask the connection, or others.
        drop(held);
    }
}

/// Wakes those who wait, even where what is dropped before panics.
struct TellOnDrop<'a>(&'a Notify);

impl Drop for TellOnDrop<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::{Arc, atomic::AtomicUsize},
        thread::scope,
        time::Duration,
    };

    use tokio::{io::duplex, time::timeout};

    use super::*;
    use crate::{
        connection::Connection,
        io::GuardedIo,
        policy::{Action, Policy},
        settings::Settings,
    };

    /// Counts how often it is told.
    struct Counts(Arc<AtomicUsize>);

    impl Policy for Counts {
        fn on_authenticated(&mut self, _: &Subject) -> Action {
            self.0.fetch_add(1, Ordering::Relaxed);
            Action::None
        }
    }

    /// Installs a policy when the subject is known and no policy was told yet.
    struct Installs(Connection, Arc<AtomicUsize>);

    impl Watch for Installs {
        fn known(&self, _: ConnectionId, _: Known) {
            self.0.control().install_outermost(Box::new(Counts(self.1.clone())));
        }
    }

    #[tokio::test]
    async fn a_policy_that_is_installed_during_a_sign_in_is_told_once() {
        let (_peer, io) = duplex(64);
        let (_guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        let told = Arc::new(AtomicUsize::new(0));
        let installs: Arc<dyn Watch> = Arc::new(Installs(connection.clone(), told.clone()));
        connection.inner().watch(Arc::downgrade(&installs));
        connection.authenticate(&Subject::new("alice")).unwrap();
        assert_eq!(told.load(Ordering::Relaxed), 1);
        connection.control().install_outermost(Box::new(Counts(told.clone())));
        assert_eq!(told.load(Ordering::Relaxed), 2, "one that comes later is told as it comes");
    }

    #[tokio::test]
    async fn of_two_subjects_at_once_one_is_refused() {
        for _ in 0..200 {
            let (_peer, io) = duplex(64);
            let told = Arc::new(AtomicUsize::new(0));
            let (_guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(Counts(told.clone()))]);
            let [alice, bob] = ["alice", "bob"].map(Subject::new);
            let (one, other) = scope(|scope| {
                let one = scope.spawn(|| connection.authenticate(&alice));
                let other = scope.spawn(|| connection.authenticate(&bob));
                (one.join().unwrap(), other.join().unwrap())
            });
            let (subject, first) = (connection.subject().unwrap(), if one.is_ok() { alice } else { bob });
            assert!(one.is_ok() != other.is_ok() && subject == first, "{one:?} {other:?}");
            assert_eq!(told.load(Ordering::Relaxed), 1);
        }
    }

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("on purpose"));
        }
    }

    #[tokio::test]
    async fn the_end_is_told_even_if_what_was_held_panics() {
        let (_, io) = duplex(64);
        let (guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        let (other, waiting) = (Arc::new(()), connection.clone());
        connection.hold(Bomb);
        connection.hold(other.clone());
        let waiting = tokio::spawn(async move { waiting.closed().await });
        tokio::task::yield_now().await;
        catch_unwind(AssertUnwindSafe(|| drop(guarded))).unwrap_err();
        timeout(Duration::from_secs(5), waiting).await.expect("it is woken").unwrap();
        assert_eq!(Arc::strong_count(&other), 1, "the others are dropped");
    }
}
