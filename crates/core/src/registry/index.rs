//! Connections by what they have in common, so that those of one value are found without a look at the others.
//!
//! One ordered set for each shard, and not a map from a value to a set: most values have one connection, for which a
//! set of its own would be larger than what it holds. Hashes are made with a secret of this index, so a client cannot
//! choose a subject that is looked up together with many others.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hash, RandomState},
    sync::Mutex,
};

use crate::{id::ConnectionId, sync::lock};

const SHARDS: usize = 16;

/// The ids of connections, ordered by a keyed hash. Two values may have the same hash, so the caller checks what is
/// found.
///
/// Its locks are taken with that of a registry's shard held or with none, and nothing else is locked under them.
#[derive(Default)]
pub(super) struct Index {
    secret: RandomState,
    shards: [Mutex<BTreeSet<Place>>; SHARDS],
}

/// A part of a hash, and a connection. In few bytes: there is one for each connection, and few connections of different
/// values have that part in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    hash: u32,
    id: [u32; 2],
}

impl Place {
    fn new(hash: u64, id: ConnectionId) -> Self {
        let [a, b, c, d, ..] = hash.to_le_bytes();
        Self { hash: u32::from_le_bytes([a, b, c, d]), id: id.halves() }
    }
}

impl Index {
    pub(super) fn add(&self, value: &impl Hash, id: ConnectionId) {
        let hash = self.secret.hash_one(value);
        lock(self.shard(hash)).insert(Place::new(hash, id));
    }

    pub(super) fn remove(&self, value: &impl Hash, id: ConnectionId) {
        let hash = self.secret.hash_one(value);
        lock(self.shard(hash)).remove(&Place::new(hash, id));
    }

    pub(super) fn find(&self, value: &impl Hash) -> Vec<ConnectionId> {
        let hash = self.secret.hash_one(value);
        let (places, lowest) = (lock(self.shard(hash)), Place::new(hash, ConnectionId::LOWEST));
        let found = places.range(lowest..).take_while(|place| place.hash == lowest.hash);
        found.map(|place| ConnectionId::of_halves(place.id)).collect()
    }

    fn shard(&self, hash: u64) -> &Mutex<BTreeSet<Place>> {
        let [.., high] = hash.to_le_bytes();
        &self.shards[usize::from(high) % SHARDS]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}
