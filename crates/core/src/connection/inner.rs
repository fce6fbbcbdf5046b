//! What is known about a connection outside of its state: who the peer is, what is held until the end, and whether the
//! end has come.
//!
//! It has locks of its own, so that it can be asked while the state is locked, and by values that are being dropped. No
//! destructor and no watcher runs under these locks.
//!
//! # The end
//!
//! [`ConnectionInner::end`] is called by the last to have the transport, whichever of many paths that is, and possibly
//! by two of them at once. The lock around `Bonds` decides which comes first. Then, in this order:
//!
//! 1. `ended` is set, under the lock: from here on nothing more is held.
//! 2. Metrics and events are reported. A recorder that panics must not keep permits, so what was taken out of the list
//!    is in a value whose destructor goes on.
//! 3. Watchers are notified: a registry removes the connection.
//! 4. Held values are dropped: permits are free.
//! 5. Those that wait in `Connection::closed` are woken, last, so that they find all of that done.
//!
//! What is held for the handler stays until `handled`, which may come before or after the end.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Instant,
};

use http::{Method, StatusCode};
use tokio::{runtime::Handle, sync::Notify};

#[cfg(feature = "observer")]
use super::bonds::Describes;
use super::bonds::{Bond, Bonds, Held, Known, Own, Watch};
#[cfg(feature = "observer")]
use crate::observe::Describe;
use crate::{
    clock::now,
    ended::Ended,
    handshake,
    id::ConnectionId,
    identity::{AnotherSubject, Subject},
    observe::{Delta, HandshakeStage, Peer, Scope},
    sync::lock,
};

/// The part of a connection that is not its state: the handle, and everything that works for the connection, asks it
/// without the state's lock.
#[derive(Debug)]
pub(crate) struct ConnectionInner {
    pub(crate) id: ConnectionId,
    pub(crate) started: Instant,
    /// The request is a CONNECT, as the outermost layer saw it. It decides which status completes the upgrade.
    connects: bool,
    /// How many policies the layers have for it. No more than a hint of what to make room for.
    proposed: AtomicU8,
    pub(crate) stage: HandshakeStage,
    pub(crate) scope: Scope,
    pub(super) client: OnceLock<IpAddr>,
    pub(super) subject: OnceLock<Subject>,
    pub(crate) runtime: Handle,
    pub(super) ended: OnceLock<Box<Ended>>,
    aborted: AtomicBool,
    /// The handler is done with the connection. Changed and read under the lock of `bonds`.
    handled: AtomicBool,
    /// Notified when the connection is aborted, and when it has ended. Made for the first that waits, under the lock of
    /// `bonds`, and boxed: no task waits for most connections.
    changed: OnceLock<Box<Notify>>,
    /// The lock orders three pairs. A fact that becomes known and a watcher that registers: the watcher finds the fact,
    /// or is notified. `hold` and `end`: the value is in the list and is dropped by `end`, or `hold` finds that the end
    /// has come. `hold_for_handler` and `handled` in the same way.
    bonds: Mutex<Bonds>,
}

impl ConnectionInner {
    pub(crate) fn new(client: Option<IpAddr>, method: &Method, runtime: Handle) -> Self {
        let id = ConnectionId::next();
        let inner = Self {
            id,
            started: now(),
            connects: method == Method::CONNECT,
            proposed: AtomicU8::new(0),
            stage: HandshakeStage::default(),
            scope: Scope::new(id),
            client: OnceLock::new(),
            subject: OnceLock::new(),
            runtime,
            ended: OnceLock::new(),
            aborted: AtomicBool::new(false),
            handled: AtomicBool::new(false),
            changed: OnceLock::new(),
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

    /// A layer has a policy, which it will install if the response is an upgrade.
    pub(crate) fn propose_policy(&self) {
        self.proposed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn proposed_policies(&self) -> usize {
        self.proposed.load(Ordering::Relaxed).into()
    }

    #[inline]
    pub(crate) fn client_ip(&self) -> Option<IpAddr> {
        self.client.get().copied()
    }

    /// The authenticated subject, as soon as it is known. Without a lock: it is set once.
    #[inline]
    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.subject.get()
    }

    /// The peer that a report is about.
    pub(crate) fn peer(&self) -> Peer<'_> {
        Peer::new(self.id, self.client.get().copied(), self.subject.get())
    }

    /// Reports metrics and logs. Must be called without the connection's lock: a recorder may call the handle.
    #[inline]
    pub(crate) fn emit(&self, delta: Option<Box<Delta>>) {
        if let Some(delta) = delta {
            delta.emit(&self.scope, self.peer());
        }
    }

    pub(super) fn set_client_ip(&self, client: IpAddr) {
        // Set once; each further layer sets it again. The first check avoids the lock, the one under it decides.
        if self.client.get().is_none() && self.learn(Known::Client, || self.client.set(client).is_ok()) {
            self.scope.record_client_ip(client);
        }
    }

    /// Sets the subject. Returns whether it was unknown before. If two tasks set different subjects at the same time,
    /// one of them gets the error.
    pub(super) fn identify(&self, subject: &Subject) -> Result<bool, AnotherSubject> {
        let known = self.subject.get().is_some();
        let first = !known && self.learn(Known::Subject, || self.subject.set(subject.clone()).is_ok());
        if first {
            self.scope.record_subject(subject);
        }
        // Compared after the attempt: another task may have set its subject in between, and that one stays.
        if self.subject.get() == Some(subject) { Ok(first) } else { Err(AnotherSubject) }
    }

    /// Registers a watcher. It must look at what is known after this call: it is notified only of later facts, and of
    /// the end, at once if that has come.
    pub(crate) fn watch(&self, watcher: Arc<impl Bond + Watch + 'static>) {
        let mut bonds = lock(&self.bonds);
        if self.ended.get().is_none() {
            return bonds.push(watcher);
        }
        drop(bonds);
        watcher.ended(self.id);
    }

    /// For a watcher that begins to want facts: after this, one that became known before can be looked at, and of one
    /// that becomes known later the watcher is notified.
    pub(crate) fn pass_facts(&self) {
        drop(lock(&self.bonds));
    }

    /// Makes a fact known, and notifies the watchers if it was new.
    fn learn(&self, what: Known, learn: impl FnOnce() -> bool) -> bool {
        // Stored under the lock: a watcher that registers before is in the list, and one that registers after finds the
        // fact.
        let bonds = lock(&self.bonds);
        let first = learn();
        if !first {
            return false;
        }
        // Few connections have more watchers than a registry and a drain's, for which no list is allocated.
        let (mut one, mut another, mut others) = (None, None, Vec::new());
        for bond in bonds.iter().filter(|bond| bond.watch().is_some_and(Watch::wants_facts)) {
            match (&one, &another) {
                (None, _) => one = Some(bond.clone()),
                (_, None) => another = Some(bond.clone()),
                _ => others.push(bond.clone()),
            }
        }
        // Notified without the lock: a registry takes locks of its own, under which it may look at connections.
        drop(bonds);
        for bond in one.iter().chain(&another).chain(&others) {
            bond.watch().iter().for_each(|watcher| watcher.known(self.id, what));
        }
        true
    }

    pub(super) fn hold(&self, value: impl Send + 'static) {
        self.bind(Arc::new(Own::new(value, false)));
    }

    pub(super) fn hold_shared(&self, value: Arc<impl Held>) {
        self.bind(value);
    }

    fn bind(&self, held: Arc<dyn Bond>) {
        let mut bonds = lock(&self.bonds);
        if self.ended.get().is_none() {
            return bonds.push(held);
        }
        // The end has come. The value is dropped here, but not under the lock: its destructor may call the handle.
        drop(bonds);
        drop(held);
    }

    pub(super) fn hold_for_handler(&self, value: impl Send + 'static) {
        let value = Arc::new(Own::new(value, true));
        let mut bonds = lock(&self.bonds);
        if !self.handled.load(Ordering::Relaxed) {
            return bonds.push(value);
        }
        // As in `hold`.
        drop(bonds);
        drop(value);
    }

    #[cfg(feature = "observer")]
    pub(super) fn described_by(&self, describes: impl Describe) {
        self.bind(Arc::new(Describes(describes)));
    }

    /// Those who know something, to be asked where nothing is locked.
    #[cfg(feature = "observer")]
    pub(super) fn who_describe(&self) -> Vec<Arc<dyn Bond>> {
        lock(&self.bonds).iter().filter(|bond| bond.describe().is_some()).cloned().collect()
    }

    /// The handler is done with the connection. Must be called without the connection's lock: destructors of held
    /// values may call the handle.
    pub(crate) fn handled(&self) {
        let held = {
            let mut bonds = lock(&self.bonds);
            self.handled.store(true, Ordering::Relaxed);
            bonds.take(|bond| bond.is_for_handler())
        };
        drop(held);
    }

    /// Notifies a closing handshake, which owns the transport and cannot be reached through the state.
    pub(super) fn abort(&self) {
        {
            let _bonds = lock(&self.bonds);
            self.aborted.store(true, Ordering::Relaxed);
        }
        self.wake();
    }

    /// Waits until the connection is aborted.
    pub(crate) async fn aborted(&self) {
        self.wait_until(|| self.aborted.load(Ordering::Relaxed).then_some(())).await;
    }

    /// Waits until the connection has ended.
    pub(super) async fn wait_until_ended(&self) -> Ended {
        self.wait_until(|| self.ended.get().map(|ended| Ended::clone(ended))).await
    }

    /// Waits for what is stored under the lock of `bonds`, and notified after that.
    async fn wait_until<R>(&self, look: impl Fn() -> Option<R>) -> R {
        loop {
            let notified = {
                // Under the lock, so that what is stored is seen, or notifies later what is registered here. It is
                // registered from here on, even before its first poll.
                let _bonds = lock(&self.bonds);
                if let Some(found) = look() {
                    return found;
                }
                self.changed.get_or_init(Box::default).notified()
            };
            notified.await;
        }
    }

    fn wake(&self) {
        if let Some(changed) = self.changed.get() {
            changed.notify_waiters();
        }
    }

    /// The connection has ended. Must be called without the connection's lock. Only the first call has an effect.
    pub(crate) fn end(&self, ended: Ended) {
        // `ended` is set under the lock under which `hold` looks at it: a value is either in the list by now, or its
        // `hold` finds the end.
        let held = {
            let mut bonds = lock(&self.bonds);
            if self.ended.set(Box::new(ended)).is_err() {
                return;
            }
            Released { id: self.id, bonds: bonds.take(|bond| !bond.is_for_handler()) }
        };
        let _woken_last = WakeOnDrop(self);
        if let Some(ended) = self.ended.get() {
            self.stage.ended(ended, &self.scope, self.peer(), now());
        }
        // Before the waiters are woken: when `closed` returns, the permits of the connection are free.
        drop(held);
    }
}

/// What is released at the end, even if a recorder panics: the watchers are notified, then the values are dropped.
struct Released {
    id: ConnectionId,
    bonds: Bonds,
}

impl Drop for Released {
    fn drop(&mut self) {
        for bond in self.bonds.iter() {
            if let Some(watcher) = bond.watch() {
                watcher.ended(self.id);
            }
        }
    }
}

/// Wakes those that wait, even if a recorder or the destructor of a held value panics.
struct WakeOnDrop<'a>(&'a ConnectionInner);

impl Drop for WakeOnDrop<'_> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::atomic::AtomicUsize,
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

    /// Counts how often it is notified.
    struct Counts(Arc<AtomicUsize>);

    impl Policy for Counts {
        fn on_authenticated(&mut self, _: &Subject) -> Action {
            self.0.fetch_add(1, Ordering::Relaxed);
            Action::None
        }
    }

    /// Installs a policy when the subject is known and no policy was notified yet.
    struct Installs(Connection, Arc<AtomicUsize>);

    impl Bond for Installs {
        fn watch(&self) -> Option<&dyn Watch> {
            Some(self)
        }
    }

    impl Watch for Installs {
        fn known(&self, _: ConnectionId, _: Known) {
            self.0.control().install_outermost(Box::new(Counts(self.1.clone())));
        }

        fn ended(&self, _: ConnectionId) {}
    }

    #[tokio::test]
    async fn a_policy_that_is_installed_during_a_sign_in_is_notified_once() {
        let (_peer, io) = duplex(64);
        let (_guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        let notified = Arc::new(AtomicUsize::new(0));
        connection.inner().watch(Arc::new(Installs(connection.clone(), notified.clone())));
        connection.authenticate(&Subject::new("alice")).unwrap();
        assert_eq!(notified.load(Ordering::Relaxed), 1);
        connection.control().install_outermost(Box::new(Counts(notified.clone())));
        assert_eq!(notified.load(Ordering::Relaxed), 2, "one that is installed later is notified at once");
    }

    #[tokio::test]
    async fn of_two_subjects_at_once_one_is_refused() {
        for _ in 0..200 {
            let (_peer, io) = duplex(64);
            let notified = Arc::new(AtomicUsize::new(0));
            let (_guarded, connection) =
                GuardedIo::new(io, &Settings::default(), vec![Box::new(Counts(notified.clone()))]);
            let [alice, bob] = ["alice", "bob"].map(Subject::new);
            let (one, other) = scope(|scope| {
                let one = scope.spawn(|| connection.authenticate(&alice));
                let other = scope.spawn(|| connection.authenticate(&bob));
                (one.join().unwrap(), other.join().unwrap())
            });
            let (subject, first) = (connection.subject().unwrap(), if one.is_ok() { alice } else { bob });
            assert!(one.is_ok() != other.is_ok() && subject == first, "{one:?} {other:?}");
            assert_eq!(notified.load(Ordering::Relaxed), 1);
        }
    }

    /// Counts notifications of the end.
    struct Ends(AtomicUsize);

    impl Bond for Ends {
        fn watch(&self) -> Option<&dyn Watch> {
            Some(self)
        }
    }

    impl Watch for Ends {
        fn known(&self, _: ConnectionId, _: Known) {}

        fn ended(&self, _: ConnectionId) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_watcher_is_notified_of_the_end_once_whether_it_registers_before_or_after() {
        let (_, io) = duplex(64);
        let (guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        let [before, after] = [(); 2].map(|()| Arc::new(Ends(AtomicUsize::new(0))));
        connection.inner().watch(before.clone());
        drop(guarded);
        connection.closed().await;
        connection.inner().watch(after.clone());
        assert_eq!([before, after].map(|ends| ends.0.load(Ordering::Relaxed)), [1, 1]);
    }

    /// Several hold it.
    struct Other;

    impl Held for Other {}

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("on purpose"));
        }
    }

    #[tokio::test]
    async fn waiters_are_woken_even_if_what_was_held_panics() {
        let (_, io) = duplex(64);
        let (guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        let (other, waiting) = (Arc::new(Other), connection.clone());
        connection.hold(Bomb);
        connection.hold(other.clone());
        connection.hold_shared(other.clone());
        let waiting = tokio::spawn(async move { waiting.closed().await });
        tokio::task::yield_now().await;
        catch_unwind(AssertUnwindSafe(|| drop(guarded))).unwrap_err();
        timeout(Duration::from_secs(5), waiting).await.expect("it is woken").unwrap();
        assert_eq!(Arc::strong_count(&other), 1, "the others are dropped");
    }
}
