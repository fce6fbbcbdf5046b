//! All permits of a layer: one total, and shards that keys are spread over by a hash with a secret.
//!
//! All limits of a handshake are taken or none. The shards of all its keys are locked together, in ascending order, so
//! that two handshakes with the same keys cannot wait for each other. The total is taken last: nothing has to be given
//! back.
//!
//! A shard is chosen by the hash of a key, with a secret that no client knows: otherwise a client could choose keys
//! that are all in one shard, and make its lock the one that all others wait for. Thirty-two shards are enough for one
//! lock per core of a large machine, and cost a layer with few connections a few kilobytes.

use std::{fmt, sync::PoisonError};

use smallvec::SmallVec;

use super::{
    key::{Full, Key, Name, Secret},
    key_permits::KeyPermits,
    shard::Shard,
    total::{Crossed, Total},
};
use crate::{
    limit::Limit,
    sync::{Mutex, MutexGuard},
};

pub(super) const SHARDS: usize = 32;

/// The permits of a layer. What they are for is whatever can be evicted: a connection.
pub(crate) struct Pool<C> {
    shards: Box<[Mutex<Shard<C>>]>,
    pub(super) total: Total,
    secret: Secret,
}

impl<C: Clone> Pool<C> {
    pub(crate) fn new(max: Option<usize>) -> Self {
        Self::with(max, Secret::default())
    }

    pub(super) fn with(max: Option<usize>, secret: Secret) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect();
        Self { shards, total: Total::new(max), secret }
    }

    /// Counts one more for the server and for all keys, or for none.
    pub(super) fn take_all(&self, keys: &[(Key, Limit)]) -> Result<(KeyPermits, Option<Crossed>), Full> {
        // A look before any lock, for a server under attack: what it sees may change at once, and `take` below decides.
        if self.total.is_full() {
            return Err(Full::Server);
        }
        if let [(key, limit)] = keys {
            return self.take_one(key, *limit);
        }
        // Hashed before the shards are locked. Keys of a custom limit may be long, and a client chooses them.
        let names: Names = keys.iter().map(|(key, limit)| (self.name(key), *limit)).collect();
        let mut locked = self.lock_all(&names);
        // All shards are locked by now, so what has room here still has it below.
        let full = names.iter().position(|(name, limit)| !find(&mut locked, *name).has_room(*name, *limit));
        if let Some((key, _)) = full.and_then(|at| keys.get(at)) {
            return Err(Full::Of(key.clone()));
        }
        // Last, so that nothing that is taken here has to be given back.
        let crossed = self.total.take()?;
        let held = names.into_iter().map(|(name, limit)| find(&mut locked, name).take(name, limit)).collect();
        Ok((held, crossed))
    }

    /// The same for one key, as most layers have it: there is one shard to be locked.
    fn take_one(&self, key: &Key, limit: Limit) -> Result<(KeyPermits, Option<Crossed>), Full> {
        let name = self.name(key);
        let mut shard = self.lock(name);
        if !shard.has_room(name, limit) {
            return Err(Full::Of(key.clone()));
        }
        let crossed = self.total.take()?;
        Ok((KeyPermits::One(shard.take(name, limit)), crossed))
    }

    pub(crate) fn total(&self) -> usize {
        self.total.live()
    }

    /// Whether the high-water mark was crossed.
    pub(crate) fn is_high(&self) -> bool {
        self.total.is_high()
    }

    pub(super) fn name(&self, key: &Key) -> Name {
        self.secret.name(key)
    }

    pub(super) fn lock(&self, name: Name) -> MutexGuard<'_, Shard<C>> {
        lock(&self.shards[name.shard(SHARDS)])
    }

    /// The shards of all names, each once and in ascending order: of two that want the same, one waits for the other.
    fn lock_all(&self, names: &[(Name, Limit)]) -> SmallVec<[Locked<'_, C>; 1]> {
        let mut wanted: SmallVec<[usize; 1]> = names.iter().map(|(name, _)| name.shard(SHARDS)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|index| (index, lock(&self.shards[index]))).collect()
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).keys()).sum()
    }

    /// How many count towards the limit of a key.
    pub(crate) fn taken(&self, key: &Key) -> usize {
        let name = self.name(key);
        self.lock(name).taken(name)
    }
}

/// The names of keys, with their limits.
type Names = SmallVec<[(Name, Limit); 1]>;

/// A shard that is locked, and which one it is.
type Locked<'a, C> = (usize, MutexGuard<'a, Shard<C>>);

/// The shard of a name, among those that are locked.
fn find<'a, C>(locked: &'a mut [Locked<'_, C>], name: Name) -> &'a mut Shard<C> {
    let wanted = name.shard(SHARDS);
    let (_, shard) = locked.iter_mut().find(|(index, _)| *index == wanted).expect("the shards of all names are locked");
    shard
}

fn lock<C>(shard: &Mutex<Shard<C>>) -> MutexGuard<'_, Shard<C>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("total", &self.total).finish_non_exhaustive()
    }
}
