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

/// A hash and a connection.
type Place = (u64, ConnectionId);

impl Index {
    pub(super) fn add(&self, value: &impl Hash, id: ConnectionId) {
        let hash = self.secret.hash_one(value);
        lock(self.shard(hash)).insert((hash, id));
    }

    pub(super) fn remove(&self, value: &impl Hash, id: ConnectionId) {
        let hash = self.secret.hash_one(value);
        lock(self.shard(hash)).remove(&(hash, id));
    }

    pub(super) fn find(&self, value: &impl Hash) -> Vec<ConnectionId> {
        let hash = self.secret.hash_one(value);
        let places = lock(self.shard(hash));
        places.range((hash, ConnectionId::LOWEST)..).take_while(|(of, _)| *of == hash).map(|(_, id)| *id).collect()
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
