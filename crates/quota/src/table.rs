//! The states of keys: bounded, and swept by those who use it, a few entries at a time.
//!
//! A state that is full again is no state, so it may be forgotten. A key that finds no room shares one state with all
//! others that find none: whoever brings a million keys gets one quota for them, and his old ones are not forgotten.

use std::{
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{Mutex, PoisonError},
};

use indexmap::IndexMap;

use crate::key::Key;

const SHARDS: usize = 64;

/// Entries that are looked at in passing, and when a round is overdue.
const LOOK: usize = 4;
const OVERDUE: usize = 64;

/// A state of `KINDS` meters for each of many keys.
pub struct Table<const KINDS: usize> {
    shards: Box<[Mutex<Shard<KINDS>>]>,
    most: usize,
    period: u64,
}

struct Shard<const KINDS: usize> {
    entries: IndexMap<Key, [u64; KINDS], BuildHasherDefault<Hashed>>,
    /// The next to be looked at, and when the round began.
    cursor: usize,
    round: u64,
    /// Of all keys for which there is no room.
    others: [u64; KINDS],
}

impl<const KINDS: usize> Default for Shard<KINDS> {
    fn default() -> Self {
        Self { entries: IndexMap::default(), cursor: 0, round: 0, others: [0; KINDS] }
    }
}

impl<const KINDS: usize> Table<KINDS> {
    /// Room for so many keys, whose states are full again after a period at most.
    pub fn new(most: usize, period: u64) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, most: most.div_ceil(SHARDS), period }
    }

    /// Does something with the state of a key, and sweeps a few others on the way; not at time nought.
    pub fn with<R>(&self, key: Key, now: u64, change: impl FnOnce(&mut [u64; KINDS]) -> R) -> R {
        let Key([_, place]) = key;
        let shard = &self.shards[usize::from(place.to_le_bytes()[0]) % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // What is given back has no time.
        if now > 0 {
            shard.sweep(now, self.period);
        }
        change(shard.state(key, self.most))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().entries.len()).sum()
    }
}

impl<const KINDS: usize> Shard<KINDS> {
    fn state(&mut self, key: Key, most: usize) -> &mut [u64; KINDS] {
        let room = self.entries.len() < most;
        if !room && !self.entries.contains_key(&key) {
            return &mut self.others;
        }
        if self.entries.len() == self.entries.capacity() {
            // Doubling would leave half of it empty.
            self.entries.reserve_exact(self.entries.len() / 4 + 8);
        }
        self.entries.entry(key).or_insert([0; KINDS])
    }

    fn sweep(&mut self, now: u64, period: u64) {
        let overdue = now.saturating_sub(self.round) > period;
        for _ in 0..if overdue { OVERDUE } else { LOOK } {
            match self.entries.get_index(self.cursor) {
                // What takes its place is looked at next.
                Some((_, cells)) if cells.iter().all(|full_at| *full_at <= now) => {
                    self.entries.swap_remove_index(self.cursor);
                }
                Some(_) => self.cursor += 1,
                None => {
                    (self.cursor, self.round) = (0, now);
                    break;
                }
            }
        }
    }
}

impl<const KINDS: usize> fmt::Debug for Table<KINDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("most", &(self.most * SHARDS)).finish_non_exhaustive()
    }
}

/// The hash of what is one.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Key([hash.rotate_left(31), hash >> 8])
    }

    #[test]
    fn idle_keys_are_gone_within_two_periods() {
        let table = Table::<4>::new(100_000, 1000);
        for number in 0..50_000 {
            table.with(key(number), 1, |cells| cells[0] = 900);
        }
        assert_eq!(table.len(), 50_000);
        // A few who go on are enough.
        for step in 0..38_u64 {
            for number in 0..64 {
                table.with(Key([number, number]), 1000 + step * 50, |cells| cells[0] = 5000);
            }
        }
        assert!(table.len() <= 64, "{}", table.len());
    }

    #[test]
    fn who_brings_many_keys_gets_one_quota_and_resets_none() {
        let table = Table::<4>::new(64 * 10, 1_000_000);
        table.with(key(7), 0, |cells| cells[0] = 900);
        for number in 1000..100_000 {
            table.with(key(number), 1, |cells| cells[0] += 1000);
        }
        assert!(table.len() <= 64 * 10);
        table.with(key(7), 2, |cells| assert_eq!(cells[0], 900));
        table.with(key(200_000), 2, |cells| assert!(cells[0] > 100_000, "its place is taken by the others'"));
    }

    #[test]
    fn a_key_costs_less_than_128_bytes() {
        let table = Table::<4>::new(10_000_000, 1 << 60);
        for number in 0..300_000 {
            table.with(key(number), 0, |cells| cells[0] = 1 << 60);
        }
        // An entry and its hash, and what hashbrown spends on an index: a word and a byte, at a load of 7/16 at worst.
        let bytes: usize =
            table.shards.iter().map(|shard| shard.lock().unwrap().entries.capacity() * (8 + 16 + 32)).sum();
        let index = 300_000 * 9 * 16 / 7;
        assert!((bytes + index) / 300_000 < 128, "{}", (bytes + index) / 300_000);
    }
}
