//! What a connection holds as long as it counts.
//!
//! It is freed when it is dropped: when the connection that holds it has ended, or when its handshake fails. Nothing is
//! evicted for it before the handshake is accepted, so that a handshake which fails later replaces no connection.
//!
//! Three owners share one: the connection, which holds it to the end; the policy that waits for a subject; and the
//! closure that settles it once the response is an upgrade. With `until_handler_returns` the handler is a fourth. None
//! of them frees it, and all drop it.

use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use super::{
    evicted::Evicted,
    key::{Full, Key},
    key_permits::{KeyPermit, KeyPermits},
    pool::Pool,
    total::Crossed,
};
use crate::{
    limit::Limit,
    sync::{Mutex, MutexGuard},
};

/// A permit of each of some keys, for one connection. Freed when it is dropped.
pub(crate) struct Permit<C: Clone> {
    pool: Arc<Pool<C>>,
    held: Mutex<KeyPermits>,
}

impl<C: Clone> Pool<C> {
    /// Takes a permit for the server and for all keys, or none.
    pub(crate) fn take(
        self: &Arc<Self>,
        keys: impl AsRef<[(Key, Limit)]>,
    ) -> Result<(Permit<C>, Option<Crossed>), Full> {
        // What was taken is counted, and nothing between the two lines can fail: from the next line on, dropping it
        // frees it.
        let (held, crossed) = self.take_all(keys.as_ref())?;
        Ok((Permit { pool: self.clone(), held: Mutex::new(held) }, crossed))
    }
}

impl<C: Clone> Permit<C> {
    /// The handshake was accepted. Returns those that make room for the connection.
    pub(crate) fn settle(&self, connection: &C) -> Evicted<C> {
        let mut evicted = Evicted::default();
        // The permit stays locked meanwhile, and each shard only for its key. A sign-in that joins another key waits,
        // and is neither lost nor settled twice.
        for held in self.held().as_mut_slice() {
            self.seat(held, connection, &mut evicted);
        }
        evicted
    }

    /// Makes do with a part of each limit, for as long as this permit is held.
    pub(crate) fn narrow(&self, part: impl Fn(usize) -> usize) -> Result<(), Full> {
        // Counted already, and so part of the number: it may be the last that fits. Others that are narrowed at the
        // same time see this one too, so together they may refuse one too many, and never admit one too many.
        if self.pool.total.exceeds(&part) {
            return Err(Full::Server);
        }
        for held in self.held().as_mut_slice() {
            held.limit_to(part(held.max()));
            if held.max() == 0 || !self.pool.lock(held.name).is_within(held) {
                return Err(Full::Part);
            }
        }
        Ok(())
    }

    /// Makes do with a part of the limit of one key, whose connection has begun. Returns those that make room.
    pub(crate) fn narrow_one(
        &self,
        key: &Key,
        part: impl Fn(usize) -> usize,
        connection: &C,
    ) -> Result<Evicted<C>, Full> {
        let (name, mut evicted) = (self.pool.name(key), Evicted::default());
        let mut all = self.held();
        if let Some(held) = all.as_mut_slice().iter_mut().find(|held| held.name == name) {
            held.limit_to(part(held.max()));
            if held.max() == 0 || !self.pool.lock(name).is_within(held) {
                return Err(Full::Part);
            }
            self.seat(held, connection, &mut evicted);
        }
        Ok(evicted)
    }

    /// Takes a permit of one more key, once it is known. Returns those that make room. A key that is held already is
    /// not taken again.
    pub(crate) fn join(&self, key: Key, limit: Limit, connection: &C) -> Result<Evicted<C>, Full> {
        let (name, mut evicted) = (self.pool.name(&key), Evicted::default());
        let mut all = self.held();
        // A subject that signs in twice, or was known at the handshake, holds its key already.
        if all.as_slice().iter().any(|held| held.name == name) {
            return Ok(evicted);
        }
        // The look, the taking and the settling are one critical section: between them no other connection of the key
        // can take the place that was found.
        let mut shard = self.pool.lock(name);
        if !shard.has_room(name, limit) {
            return Err(Full::Of(key));
        }
        let mut held = shard.take(name, limit);
        let before = shard.settle(&mut held, connection, &mut evicted);
        drop(shard);
        drop(before);
        all.push(held);
        Ok(evicted)
    }

    /// Gives up the permit of one key.
    pub(crate) fn leave(&self, key: &Key) {
        let name = self.pool.name(key);
        let mut all = self.held();
        if let Some(held) = all.take(name) {
            // The permit is locked, then the shard: the order of all paths. The order of a permit's own keys has no
            // meaning.
            self.free(&held);
        }
    }

    fn seat(&self, held: &mut KeyPermit, connection: &C, evicted: &mut Evicted<C>) {
        // The guard goes at the end of the first statement, and what stood there at the end of the second.
        let before = self.pool.lock(held.name).settle(held, connection, evicted);
        drop(before);
    }

    fn free(&self, held: &KeyPermit) {
        let connection = self.pool.lock(held.name).leave(held);
        drop(connection);
    }

    fn held(&self) -> MutexGuard<'_, KeyPermits> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clone> Drop for Permit<C> {
    fn drop(&mut self) {
        let held = std::mem::take(&mut *self.held());
        for held in held.as_slice() {
            self.free(held);
        }
        // Last: the server's count is never below what its keys add up to.
        self.pool.total.leave();
    }
}

impl<C: Clone> fmt::Debug for Permit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("held", &self.held().as_slice().len()).finish_non_exhaustive()
    }
}
