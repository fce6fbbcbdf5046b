//! The registry, sharded by id so that no single lock is taken by all connections.
//!
//! A connection is in one shard, chosen by its id, and in up to two indexes. The lock of the shard is what orders them:
//! a fact that becomes known is indexed under it, and so is the removal, so that no index names a connection which is
//! in no shard for longer than a lookup takes to notice.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{index::Index, roll::Roll, shared::Sharing};
use crate::{
    close::CloseFrame,
    connection::{Bond, Connection, Known, Watch},
    id::ConnectionId,
    identity::Subject,
    sync::lock,
};

const SHARDS: usize = 16;

/// The live connections, from their handshake to the end of their closing handshake. Clones share the registry.
///
/// Its [`layer`](Self::layer) puts connections into it, and itself into the request's extensions.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use portcullis_core::{CloseCode, CloseFrame, Connection, Connections, identity::Subject};
///
/// let connections = Connections::new();
/// let (alice, mut client) = Connection::detached().subject("alice").open();
/// let (bob, _other) = Connection::detached().subject("bob").open();
/// connections.insert(&alice); // a layer, `connections.layer()`, does this for each handshake
/// connections.insert(&bob);
/// assert_eq!(connections.count(), 2);
/// assert_eq!(connections.of_subject(&Subject::new("alice")).len(), 1);
///
/// let closed = connections.close(Subject::new("alice"), CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned"));
/// assert_eq!(closed.await, Ok(1));
/// assert_eq!(client.closed().await.unwrap().to_string(), "1008 banned");
/// drop(client);
/// alice.closed().await;
/// assert_eq!(connections.count(), 1, "bob stays");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Connections(pub(super) Arc<Registry>);

#[derive(Default)]
pub(super) struct Registry {
    pub(super) shards: [Mutex<Roll>; SHARDS],
    /// Indexes the connections that are in a shard. Changed under that shard's lock only.
    subjects: Index,
    clients: Index,
    /// Connections are indexed as they are inserted. Set once, before those that were inserted earlier are indexed:
    /// under the lock of its shard, a connection is indexed by that, or finds this set and is indexed by its insertion.
    indexes: AtomicBool,
    /// All connections are indexed.
    indexed: OnceLock<()>,
    count: AtomicUsize,
    /// Where nodes share commands.
    pub(super) sharing: OnceLock<Sharing>,
    emptied: Notify,
}

impl Connections {
    /// Creates an empty registry.
    pub fn new() -> Self {
        let connections = Self::indexed_on_demand();
        connections.0.index();
        connections
    }

    /// Creates an empty registry that indexes its connections when they are first looked up by subject or address, and
    /// from then on as they come: for one that is mostly listed, such as that of a drain. Until then a connection costs
    /// it less, and the first lookup costs more the more connections there are.
    ///
    /// ```
    /// use portcullis_core::{Connections, identity::Subject};
    ///
    /// let connections = Connections::indexed_on_demand();
    /// assert_eq!(connections.all().len(), 0); // needs no index
    /// assert!(connections.of_subject(&Subject::new("alice")).is_empty()); // makes it
    /// ```
    pub fn indexed_on_demand() -> Self {
        Self(Arc::default())
    }

    /// Returns the number of connections, including handshakes under way.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Looks up a connection by its id.
    ///
    /// Returns `None` once the connection has ended, closing handshake included: an id that an operator copied a moment
    /// ago may be unknown by now.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{Connection, Connections};
    ///
    /// let connections = Connections::new();
    /// let (connection, client) = Connection::detached().open();
    /// connections.insert(&connection);
    /// assert_eq!(connections.get(connection.id()).unwrap().id(), connection.id());
    /// drop(client);
    /// connection.closed().await;
    /// assert!(connections.get(connection.id()).is_none());
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn get(&self, id: ConnectionId) -> Option<Connection> {
        lock(self.0.shard(id)).get(id).cloned()
    }

    /// Returns all connections. Each shard is locked only while it is copied.
    pub fn all(&self) -> Vec<Connection> {
        self.find(|_| true)
    }

    /// Returns the connections for which `wanted` returns true. `wanted` must not block.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{Connection, Connections};
    ///
    /// let connections = Connections::new();
    /// let (alice, _client) = Connection::detached().subject("alice").open();
    /// let (guest, _other) = Connection::detached().open();
    /// connections.insert(&alice);
    /// connections.insert(&guest);
    /// let guests = connections.find(|connection| connection.subject().is_none());
    /// assert_eq!((guests.len(), guests[0].id()), (1, guest.id()));
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn find(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let of_shard = |shard: &Mutex<Roll>| lock(shard).iter().cloned().collect::<Vec<_>>();
        self.0.shards.iter().flat_map(of_shard).filter(|connection| looked_at(connection, &wanted)).collect()
    }

    /// Returns the connections of a subject, also of one that became known after the handshake. The cost does not grow
    /// with the number of other connections.
    pub fn of_subject(&self, subject: &Subject) -> Vec<Connection> {
        self.0.index();
        self.among(self.0.subjects.find(subject), |connection| connection.subject().as_ref() == Some(subject))
    }

    /// Returns the connections of a client address. The cost does not grow with the number of other connections.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use std::net::IpAddr;
    /// use portcullis_core::{Connection, Connections};
    ///
    /// let connections = Connections::new();
    /// let [here, there] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
    /// let (connection, _client) = Connection::detached().client_ip(here).open();
    /// connections.insert(&connection);
    /// assert_eq!(connections.of_client_ip(here).len(), 1);
    /// assert_eq!(connections.of_client_ip(there).len(), 0);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn of_client_ip(&self, address: IpAddr) -> Vec<Connection> {
        self.0.index();
        self.among(self.0.clients.find(&address), |connection| connection.client_ip() == Some(address))
    }

    fn among(&self, found: Vec<ConnectionId>, wanted: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        found.into_iter().filter_map(|id| self.get(id)).filter(|connection| looked_at(connection, &wanted)).collect()
    }

    /// Closes the connections for which `wanted` returns true, and returns their number.
    ///
    /// A connection that is inserted or authenticates at the same moment may be missed, because each shard is visited
    /// once. To keep a subject out, first revoke its tokens or refuse its handshakes. To stop a server, use a drain,
    /// which misses no handshake.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{CloseCode, CloseFrame, Connection, Connections};
    ///
    /// let connections = Connections::new();
    /// let (guest, _left) = Connection::detached().open();
    /// let (alice, _right) = Connection::detached().subject("alice").open();
    /// connections.insert(&guest);
    /// connections.insert(&alice);
    /// let frame = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "members first");
    /// assert_eq!(connections.close_where(&frame, |connection| connection.subject().is_none()), 1);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn close_where(&self, frame: &CloseFrame, wanted: impl Fn(&Connection) -> bool) -> usize {
        let found = self.find(wanted);
        for connection in &found {
            connection.close(frame.clone());
        }
        found.len()
    }

    /// Waits until the registry is empty. Cancel safe.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{Connection, Connections};
    ///
    /// let connections = Connections::new();
    /// connections.wait_until_empty().await; // at once: it is empty
    /// let (connection, client) = Connection::detached().open();
    /// connections.insert(&connection);
    /// drop(client);
    /// connections.wait_until_empty().await;
    /// assert!(connection.close_reason().is_some());
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub async fn wait_until_empty(&self) {
        loop {
            // Registered before the count is loaded. `Drop` of an entry decrements and then notifies: an end after this
            // line wakes this task, and the load sees an end before it, because the registration has synchronized with
            // its `notify_waiters`.
            let notified = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Adds a connection until it has ended, for applications that guard a transport of their own.
    pub fn insert(&self, connection: &Connection) {
        let id = connection.id();
        if lock(self.0.shard(id)).insert(id, connection.clone()) {
            // Before it is held, and so before its entry can be dropped: the count never falls below zero.
            self.0.count.fetch_add(1, Ordering::AcqRel);
            // First watch, then index what is known: a fact that becomes known in between is indexed twice, which does
            // no harm. In the other order it would be missed. If the connection has ended meanwhile, it is removed
            // inside of `watch`.
            connection.inner().watch(self.0.clone());
            // Nothing is known of a connection whose layers find that out further inside.
            if connection.client_ip().is_some() || connection.inner().subject().is_some() {
                self.0.add(id, &Known::ALL);
            }
        }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    pub(super) fn shard(&self, id: ConnectionId) -> &Mutex<Roll> {
        &self.shards[id.shard(SHARDS)]
    }

    /// Indexes all connections, unless they are indexed already. Concurrent calls wait until they are.
    fn index(&self) {
        self.indexed.get_or_init(|| {
            self.indexes.store(true, Ordering::Release);
            self.add_all();
        });
    }

    /// Adds those that were inserted before; later ones are added by their insertion. Of facts that became known
    /// meanwhile the registry may not have been notified, as it wanted none.
    pub(super) fn add_all(&self) {
        for shard in &self.shards {
            let came: Vec<_> = lock(shard).iter().cloned().collect();
            for connection in came {
                connection.inner().pass_facts();
                self.add(connection.id(), &Known::ALL);
            }
        }
    }
}

impl Bond for Registry {
    fn watch(&self) -> Option<&dyn Watch> {
        Some(self)
    }
}

impl Watch for Registry {
    fn wants_facts(&self) -> bool {
        self.indexes.load(Ordering::Acquire) || self.sharing.get().is_some()
    }

    fn known(&self, id: ConnectionId, what: Known) {
        self.add(id, &[what]);
    }

    fn ended(&self, id: ConnectionId) {
        self.remove(id);
    }
}

impl Registry {
    /// Updates the indexes with what became known of a connection, unless it has ended: it was then removed from them
    /// under the same lock, and must not be added again.
    pub(super) fn add(&self, id: ConnectionId, known: &[Known]) {
        let shard = lock(self.shard(id));
        let Some(connection) = shard.get(id) else { return };
        if self.indexes.load(Ordering::Acquire) {
            for what in known {
                match what {
                    Known::Client => connection.client_ip().iter().for_each(|ip| self.clients.add(ip, id)),
                    Known::Subject => connection.inner().subject().iter().for_each(|who| self.subjects.add(*who, id)),
                }
            }
        }
        if let Some(sharing) = self.sharing.get() {
            sharing.add(connection);
        }
    }

    fn remove(&self, id: ConnectionId) {
        let mut shard = lock(self.shard(id));
        let Some(removed) = shard.remove(id) else { return };
        // Under the shard's lock, so that `add` does not index it again. What was known when it was indexed is still
        // known, so everything is found.
        if self.indexes.load(Ordering::Acquire) {
            removed.inner().subject().into_iter().for_each(|who| self.subjects.remove(who, id));
            removed.client_ip().iter().for_each(|client| self.clients.remove(client, id));
        }
        if let Some(sharing) = self.sharing.get() {
            sharing.remove(&removed);
        }
        drop(shard);
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("count", &self.count()).finish_non_exhaustive()
    }
}

fn looked_at(connection: &Connection, wanted: impl Fn(&Connection) -> bool) -> bool {
    #[cfg(test)]
    tests::LOOKED_AT.set(tests::LOOKED_AT.get() + 1);
    wanted(connection)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::{io::GuardedIo, settings::Settings};

    thread_local! {
        pub(super) static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    /// The peer is gone, so that the end waits for nothing.
    fn connection() -> (GuardedIo<DuplexStream>, Connection) {
        let (_, io) = duplex(1);
        GuardedIo::new(io, &Settings::default(), Vec::new())
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[tokio::test]
    async fn a_subject_and_an_address_are_found_without_a_look_at_the_others() {
        let connections = Connections::new();
        let others: Vec<_> = (0..500).map(|_| connection()).collect();
        for (number, (_, other)) in (0..).zip(&others) {
            other.set_client_ip(address(number));
            other.authenticate(&Subject::new(number.to_string())).unwrap();
            connections.insert(other);
        }
        let (alice, (_guarded, theirs)) = (Subject::new("alice"), connection());
        connections.insert(&theirs);
        assert_eq!(connections.of_subject(&alice).len(), 0);
        theirs.authenticate(&alice).unwrap();
        theirs.set_client_ip(address(4711));
        LOOKED_AT.set(0);
        let found = [connections.of_subject(&alice), connections.of_client_ip(address(4711))];
        assert!(found.iter().all(|found| found.len() == 1 && found[0].id() == theirs.id()));
        assert_eq!(connections.of_subject(&Subject::new("7")).len(), 1);
        assert_eq!(LOOKED_AT.get(), 3, "each was looked at once");
        // Who is known already stays who it is.
        theirs.authenticate(&Subject::new("7")).unwrap_err();
        assert_eq!(connections.of_subject(&Subject::new("7")).len(), 1);
        assert_eq!((connections.0.subjects.len(), connections.0.clients.len()), (501, 501));
    }

    #[tokio::test]
    async fn the_first_lookup_finds_connections_that_were_inserted_before_it() {
        let (connections, alice) = (Connections::indexed_on_demand(), Subject::new("alice"));
        let came: Vec<_> = (0..100).map(|_| connection()).collect();
        for (number, (_, came)) in (0..).zip(&came) {
            came.authenticate(&alice).unwrap();
            connections.insert(came);
            came.set_client_ip(address(number));
        }
        assert_eq!((connections.0.subjects.len(), connections.0.clients.len()), (0, 0));
        let (guarded, late) = connection();
        assert_eq!((connections.of_client_ip(address(7)).len(), connections.of_subject(&alice).len()), (1, 100));
        connections.insert(&late);
        late.authenticate(&alice).unwrap();
        assert_eq!(connections.of_subject(&alice).len(), 101);
        drop((came, guarded));
        late.closed().await;
        connections.wait_until_empty().await;
        assert_eq!((connections.0.subjects.len(), connections.0.clients.len()), (0, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_is_inserted_during_the_first_lookup_is_found_by_the_next() {
        let alice = Subject::new("alice");
        for turn in 0..300 {
            let connections = Connections::indexed_on_demand();
            let (guarded, connection) = connection();
            std::thread::scope(|scope| {
                scope.spawn(|| connection.authenticate(&alice).unwrap());
                scope.spawn(|| connections.insert(&connection));
                scope.spawn(|| connections.of_subject(&alice));
            });
            assert_eq!(connections.of_subject(&alice).len(), 1, "{turn}");
            let runtime = tokio::runtime::Handle::current();
            std::thread::scope(|scope| {
                scope.spawn(|| connections.of_subject(&alice));
                scope.spawn(|| {
                    let _entered = runtime.enter();
                    drop(guarded);
                });
            });
            connection.closed().await;
            connections.wait_until_empty().await;
            assert_eq!(connections.0.subjects.len(), 0, "{turn}");
        }
    }

    #[tokio::test]
    async fn indexes_are_empty_when_the_registry_is() {
        let connections = Connections::new();
        for number in 0..100 {
            let (guarded, connection) = connection();
            if number % 2 == 0 {
                connection.authenticate(&Subject::new("early")).unwrap();
            }
            connections.insert(&connection);
            connection.set_client_ip(address(number));
            if number % 3 == 0 {
                let first = connection.authenticate(&Subject::new("late"));
                assert_eq!(first.is_ok(), number % 2 != 0);
            }
            drop(guarded);
            connection.closed().await;
            let first = connection.authenticate(&Subject::new("too late"));
            assert_eq!(first.is_ok(), number % 2 != 0 && number % 3 != 0);
        }
        connections.wait_until_empty().await;
        assert_eq!((connections.0.subjects.len(), connections.0.clients.len()), (0, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_subject_that_becomes_known_in_any_moment_is_found_or_gone() {
        let (connections, alice) = (Connections::new(), Subject::new("alice"));
        for turn in 0..500 {
            let (guarded, connection) = connection();
            std::thread::scope(|scope| {
                scope.spawn(|| connection.authenticate(&alice).unwrap());
                scope.spawn(|| connections.insert(&connection));
            });
            assert_eq!(connections.of_subject(&alice).len(), 1, "{turn}");
            let (_other, late) = self::connection();
            connections.insert(&late);
            late.set_client_ip(address(turn));
            let runtime = tokio::runtime::Handle::current();
            std::thread::scope(|scope| {
                scope.spawn(|| late.authenticate(&alice).unwrap());
                scope.spawn(|| {
                    let _entered = runtime.enter();
                    drop(guarded);
                    late.abort();
                });
            });
            connection.closed().await;
            late.closed().await;
            connections.wait_until_empty().await;
            assert_eq!((connections.0.subjects.len(), connections.0.clients.len()), (0, 0), "{turn}");
        }
    }
}
