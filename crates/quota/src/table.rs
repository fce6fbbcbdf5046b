//! The states of keys: bounded, and swept by those who use it, a few entries at a time.
//!
//! A state that is full again is no state, so it may be forgotten, and nothing else is. A key that finds no room shares
//! the state of its group, and where that finds none either, of a wider group: a client that brings a million addresses
//! of one network shares what is left with itself. Room for groups is set aside.

use std::{
    fmt,
    hash::{BuildHasherDefault, Hasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use indexmap::IndexMap;

use crate::key::{GROUPS, Key, Name};

const SHARDS: usize = 64;

/// Entries that are looked at in passing, and when a round is overdue.
const LOOK: usize = 4;
const OVERDUE: usize = 64;

/// States of `KINDS` meters for each of many keys. The number of states is limited; see [`Key`] for the keys that find
/// no room.
///
/// ```
/// use std::{num::NonZeroU32, time::Instant};
/// use portcullis_quota::{Epoch, Meter, Quota, Secret, Table};
///
/// let meter = Meter::from(Quota::per_second(NonZeroU32::MIN));
/// let table = Table::<1>::new(10_000, meter.period());
/// let (secret, now) = (Secret::default(), Epoch::new().units(Instant::now()));
/// let admitted = |client: [u8; 4]| {
///     table.with(secret.address(client.into()), now, |[full_at]| meter.take(full_at, 1, now)).is_ok()
/// };
/// assert!(admitted([192, 0, 2, 1]));
/// assert!(!admitted([192, 0, 2, 1]));
/// assert!(admitted([192, 0, 2, 2]));
/// ```
pub struct Table<const KINDS: usize> {
    shards: Box<[Mutex<Shard<KINDS>>]>,
    max: usize,
    /// Room of a shard that is set aside for the groups of each level.
    spare: usize,
    period: u64,
    /// What groups are made with.
    secret: RandomState,
}

struct Shard<const KINDS: usize> {
    entries: IndexMap<Name, [u64; KINDS], BuildHasherDefault<Hashed>>,
    /// The next to be looked at, and when the round began.
    cursor: usize,
    round: u64,
    /// Of all whose groups find no room.
    others: [u64; KINDS],
}

impl<const KINDS: usize> Default for Shard<KINDS> {
    fn default() -> Self {
        Self { entries: IndexMap::default(), cursor: 0, round: 0, others: [0; KINDS] }
    }
}

impl<const KINDS: usize> Table<KINDS> {
    /// Creates a table for `max` keys, whose states are full again after `period` units at most. An eighth of the room
    /// is set aside for groups.
    pub fn new(max: usize, period: u64) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let max = max.div_ceil(SHARDS);
        Self { shards, max, spare: max / 16, period, secret: RandomState::new() }
    }

    /// Calls `change` with the state of a key at the time `now`, which must not be zero. Each call for a new key also
    /// removes a few states that are full again, as does any call if that has not happened for too long.
    pub fn with<R>(&self, key: Key, now: u64, change: impl FnOnce(&mut [u64; KINDS]) -> R) -> R {
        let mut shard = self.lock(key.own());
        if shard.is_overdue(now, self.period) {
            shard.sweep(now, OVERDUE);
        }
        if let Some(state) = shard.entries.get_mut(&key.own()) {
            return change(state);
        }
        shard.sweep(now, LOOK);
        if let Some(state) = shard.insert(key.own(), self.max - GROUPS * self.spare) {
            return change(state);
        }
        drop(shard);
        self.with_group(key, now, change)
    }

    /// Returns the state that [`with`](Self::with) would change now, without adding an entry for the key.
    pub fn peek(&self, key: Key) -> [u64; KINDS] {
        let own = self.lock(key.own()).peek(key.own(), self.max - GROUPS * self.spare);
        own.unwrap_or_else(|| self.peek_group(key))
    }

    #[cold]
    fn peek_group(&self, key: Key) -> [u64; KINDS] {
        let of_group = |level: usize| {
            let set_aside = (GROUPS - 1 - level) * self.spare;
            self.lock(self.group(key, level)).peek(self.group(key, level), self.max - set_aside)
        };
        (0..GROUPS).find_map(of_group).unwrap_or_else(|| self.lock(self.group(key, GROUPS - 1)).others)
    }

    /// One shard is locked at a time: nothing is decided by two states together. A key that finds room only just behind
    /// its back has charged its group, which forgets nothing.
    #[cold]
    fn with_group<R>(&self, key: Key, now: u64, change: impl FnOnce(&mut [u64; KINDS]) -> R) -> R {
        for level in 0..GROUPS {
            let group = self.group(key, level);
            // Those of the narrow groups leave some to the wide ones.
            let set_aside = (GROUPS - 1 - level) * self.spare;
            let mut shard = self.lock(group);
            let look = if shard.is_overdue(now, self.period) { OVERDUE } else { LOOK };
            shard.sweep(now, look);
            if let Some(state) = shard.state(group, self.max - set_aside) {
                return change(state);
            }
        }
        change(&mut self.lock(self.group(key, GROUPS - 1)).others)
    }

    fn group(&self, key: Key, level: usize) -> Name {
        key.group(level, &self.secret)
    }

    #[inline]
    fn lock(&self, name: Name) -> MutexGuard<'_, Shard<KINDS>> {
        let Name([_, place]) = name;
        let shard = &self.shards[usize::from(place.to_le_bytes()[0]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().entries.len()).sum()
    }
}

impl<const KINDS: usize> Shard<KINDS> {
    /// The state of a name, or a new one if there are fewer than `max`.
    fn state(&mut self, name: Name, max: usize) -> Option<&mut [u64; KINDS]> {
        if self.entries.contains_key(&name) {
            return self.entries.get_mut(&name);
        }
        self.insert(name, max)
    }

    /// The state of a name, or what a new one would be if there are fewer than `max`.
    fn peek(&self, name: Name, max: usize) -> Option<[u64; KINDS]> {
        self.entries.get(&name).copied().or_else(|| (self.entries.len() < max).then_some([0; KINDS]))
    }

    /// A state for a name that has none, if there are fewer than `max`.
    #[cold]
    fn insert(&mut self, name: Name, max: usize) -> Option<&mut [u64; KINDS]> {
        if self.entries.len() >= max {
            return None;
        }
        if self.entries.len() == self.entries.capacity() {
            // Doubling would leave half of it empty.
            self.entries.reserve_exact(self.entries.len() / 4 + 8);
        }
        Some(self.entries.entry(name).or_insert([0; KINDS]))
    }

    #[inline]
    fn is_overdue(&self, now: u64, period: u64) -> bool {
        now.saturating_sub(self.round) > period
    }

    /// Looks at `look` entries. Cells that are given back have no time of their own.
    #[cold]
    fn sweep(&mut self, now: u64, look: usize) {
        for _ in 0..if now > 0 { look } else { 0 } {
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
        f.debug_struct("Table").field("max", &(self.max * SHARDS)).finish_non_exhaustive()
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
    use std::net::IpAddr;

    use super::*;
    use crate::key::Secret;

    fn key(number: u64) -> Key {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Key::new([hash.rotate_left(31), hash >> 8])
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
                table.with(Key::new([number, number]), 1000 + step * 50, |cells| cells[0] = 5000);
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
    fn a_look_leaves_nothing_behind() {
        let table = Table::<1>::new(1000, 1_000_000);
        table.with(key(7), 1, |cells| cells[0] = 900);
        for number in 0..100_000 {
            assert_eq!(table.peek(key(number)), [if number == 7 { 900 } else { 0 }], "{number}");
        }
        assert_eq!(table.len(), 1);
    }

    /// Who has a network of addresses fills the table, and then its groups; the rest of the world is elsewhere.
    #[test]
    fn a_network_that_fills_the_table_locks_nobody_else_out() {
        type Address = fn(u16) -> IpAddr;
        fn v6(a: u16, b: u16, c: u16) -> IpAddr {
            IpAddr::from([0x2001, a, b, c, 0, 0, 0, 0])
        }
        fn v4(bits: u32) -> IpAddr {
            IpAddr::V4(std::net::Ipv4Addr::from_bits(bits))
        }
        let rows: [(&str, Address, Address); 5] = [
            ("/64s of a /48", |number| v6(0xdb8, 0, number), |number| v6(0xdb8, 0xf000 + number, 0)),
            ("/64s of a /44", |number| v6(0xdb8, number % 16, number), |number| v6(0xdb8, 0xf000 + number, 0)),
            ("/48s of a /32", |number| v6(0xdb8, number, 0), |number| v6(0x1000 + number, 0, 0)),
            (
                "a /16 of IPv4",
                |number| v4(0xc0a8_0000 | u32::from(number)),
                |number| v4(0xc0a9_0000 | u32::from(number) << 8),
            ),
            (
                "a /16 of IPv4, others far away",
                |number| v4(0xc0a8_0000 | u32::from(number)),
                |number| v4(0x0a00_0000 | u32::from(number) << 16),
            ),
        ];
        for (what, theirs, newcomer) in rows {
            let (table, secret) = (Table::<1>::new(40_000, u64::MAX), Secret::default());
            let charge =
                |address| table.with(secret.address(address), 1, |[charges]| std::mem::replace(charges, u64::MAX) == 0);
            let first = (0..u16::MAX).filter(|number| charge(theirs(*number))).count();
            assert!(first < 40_100, "{what}: {first} charges were admitted");
            let again = (0..u16::MAX).step_by(7).filter(|number| charge(theirs(*number))).count();
            assert_eq!(again, 0, "{what}: none is forgotten");
            assert_eq!((0..100).filter(|number| charge(newcomer(*number))).count(), 100, "{what}");
            assert!(table.len() <= 40_064, "{what}");
            let before = table.len();
            for address in (0..u16::MAX).step_by(7).map(theirs).chain((100..200).map(newcomer)) {
                let key = secret.address(address);
                let state = table.peek(key);
                assert_eq!(table.with(key, 0, |state| *state), state, "{what}: {address}");
            }
            assert!(table.len() >= before, "{what}");
        }
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
