//! What stands in an order, by key.
//!
//! What evicting needs is the first value of a key, and what leaving needs is one value by its number. A queue for each
//! key would do the first in one step, and the second only by a walk; a client that opens and closes its connections in
//! the right order would make each of these walks as long as possible.

use std::{cmp::Ordering, collections::BTreeMap};

/// A value for each of many numbers of many keys. One tree for all keys: most keys have one connection, and a container
/// for each would be larger than what it holds.
///
/// Nothing here walks: there is no method that looks at more than two neighbours, beside the way down the tree.
#[derive(Debug)]
pub(super) struct Places<T>(BTreeMap<Spot, T>);

/// A key's own number, and where a value stands among those of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    key: u64,
    number: u64,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Places<T> {
    pub(super) fn insert(&mut self, key: u64, number: u64, value: T) -> Option<T> {
        self.0.insert(Spot { key, number }, value)
    }

    pub(super) fn get_mut(&mut self, key: u64, number: u64) -> Option<&mut T> {
        self.0.get_mut(&Spot { key, number })
    }

    pub(super) fn remove(&mut self, key: u64, number: u64) -> Option<T> {
        self.0.remove(&Spot { key, number })
    }

    /// The lowest number of a key, but for one.
    pub(super) fn first(&self, key: u64, but: u64) -> Option<u64> {
        let of_key = Spot { key, number: 0 }..=Spot { key, number: u64::MAX };
        self.0.range(of_key).map(|(spot, _)| spot.number).find(|number| *number != but)
    }
}

impl Ord for Spot {
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        super::visits::count();
        (self.key, self.number).cmp(&(other.key, other.number))
    }
}

impl PartialOrd for Spot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
