//! The registry: sharded by id, so that no lock is held by all.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{close::CloseFrame, connection::Connection, id::ConnectionId, identity::Subject, sync::lock};

const SHARDS: usize = 16;

/// The live connections, from their handshake to the end of their closing handshake. Clones share the registry.
///
/// Its [`layer`](Self::layer) puts connections into it, and itself into the request's extensions.
#[derive(Clone, Default)]
pub struct Connections(Arc<Registry>);

#[derive(Default)]
struct Registry {
    shards: [Mutex<HashMap<ConnectionId, Connection>>; SHARDS],
    count: AtomicUsize,
    emptied: Notify,
}

impl Connections {
    /// No connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are, handshakes under way among them.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// The connection of a name.
    pub fn get(&self, id: ConnectionId) -> Option<Connection> {
        lock(self.0.shard(id)).get(&id).cloned()
    }

    /// All of them. A shard is locked while it is copied, and nothing is while they are looked at.
    pub fn all(&self) -> Vec<Connection> {
        self.find(|_| true)
    }

    /// Those that fulfil a condition, which must not block.
    pub fn find(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let of_shard = |shard: &Mutex<HashMap<_, Connection>>| lock(shard).values().cloned().collect::<Vec<_>>();
        self.0.shards.iter().flat_map(of_shard).filter(|connection| wanted(connection)).collect()
    }

    /// Those of a subject.
    pub fn of_subject(&self, subject: &Subject) -> Vec<Connection> {
        self.find(|connection| connection.subject().as_ref() == Some(subject))
    }

    /// Those of a client address.
    pub fn of_client(&self, address: IpAddr) -> Vec<Connection> {
        self.find(|connection| connection.peer_addr() == Some(address))
    }

    /// Closes those that fulfil a condition. Returns how many.
    pub fn close_where(&self, frame: &CloseFrame, wanted: impl Fn(&Connection) -> bool) -> usize {
        let found = self.find(wanted);
        for connection in &found {
            connection.close(frame.clone());
        }
        found.len()
    }

    /// Waits until there is none. Cancel safe.
    pub async fn emptied(&self) {
        loop {
            let notified = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Puts a connection into the registry until it has ended, for those who guard a transport of their own.
    pub fn insert(&self, connection: &Connection) {
        let id = connection.id();
        if lock(self.0.shard(id)).insert(id, connection.clone()).is_none() {
            self.0.count.fetch_add(1, Ordering::AcqRel);
            connection.hold(Entry { registry: self.0.clone(), id });
        }
    }
}

impl Registry {
    fn shard(&self, id: ConnectionId) -> &Mutex<HashMap<ConnectionId, Connection>> {
        &self.shards[id.shard(SHARDS)]
    }
}

/// A connection's place in a registry, held by the connection itself.
struct Entry {
    registry: Arc<Registry>,
    id: ConnectionId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let removed = lock(self.registry.shard(self.id)).remove(&self.id);
        if removed.is_some() && self.registry.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.registry.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("count", &self.count()).finish_non_exhaustive()
    }
}
