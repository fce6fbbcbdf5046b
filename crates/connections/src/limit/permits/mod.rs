//! Permits: which connections count towards a limit, and which make room.
//!
//! A [`Pool`] belongs to a layer. It counts all permits in one word ([`total`]) and those of a key in one of its shards
//! ([`shard`]), which a hash of the key chooses. A [`Permit`] holds a number for each of its keys: taking, settling and
//! leaving are operations on these numbers, and none of them looks at other permits of the same key but by a search
//! tree.
//!
//! # Locks
//!
//! 1. A permit's own lock comes first, then those of shards. No permit is locked while a shard is.
//! 2. Several shards are locked in ascending order, each once. Only [`Pool::take`] locks more than one, because it
//!    takes a permit of every key or of none: no other thread sees a part of it.
//! 3. Nothing of others runs under these locks. Connections are cloned there, and dropped once the lock is released.
//!
//! # Races
//!
//! - Two new connections, or a new one and one that ends: the shard of each key decides, and [`total`] in one step. A
//!   new one counts in its keys and in the total or in neither; one that leaves frees its keys first, so that the total
//!   is never below what the keys add up to.
//! - A new connection that replaces the oldest while that ends: the shard decides. It is found seated and asked to
//!   close, which does nothing to a connection that has ended, or it has left, and so made room.
//! - A handshake that is accepted while its connection ends: the permit is freed when its last owner drops it, and the
//!   closure that settles it is an owner.
//! - A sign-in and a handshake that is accepted: the permit's own lock decides, and a permit that is settled twice
//!   stays where it is.

mod evicted;
#[cfg(all(test, portcullis_loom))]
mod interleavings;
mod key;
mod key_permits;
#[cfg(test)]
mod model;
mod permit;
mod places;
mod pool;
mod shard;
#[cfg(test)]
mod tests;
mod total;
#[cfg(test)]
mod visits;

pub(crate) use self::{
    evicted::Evicted,
    key::{Full, Key, Keys},
    permit::Permit,
    pool::Pool,
    total::Crossed,
};
