//! Values that are remembered until a time: what has expired is found without looking at the rest.
//!
//! There is no task that sweeps. Each insertion forgets up to two entries that have expired, so a map shrinks as it is
//! used, no call pays for many, and one that is never used again keeps what it has, which is bounded.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

/// How many are forgotten for each that is remembered: more than one, so that there are fewer and fewer once they have
/// expired, and few at a time, so that no caller waits for a sweep of all.
const FORGOTTEN_AT_ONCE: usize = 2;

/// A map whose entries expire.
#[derive(Debug)]
pub(crate) struct Expiring<K, V, T> {
    entries: HashMap<K, (V, Option<T>)>,
    /// The earliest first; those that never expire are not among them.
    ends: BTreeSet<(T, K)>,
    #[cfg(test)]
    pub(crate) visited: usize,
}

impl<K, V, T> Expiring<K, V, T>
where
    K: Clone + Eq + Hash + Ord,
    T: Copy + Ord,
{
    pub(crate) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            ends: BTreeSet::new(),
            #[cfg(test)]
            visited: 0,
        }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V, Option<T>)> {
        self.entries.iter().map(|(key, (value, until))| (key, value, *until))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Remembers a value until a time, or for good. It replaces the one before it; of the two times the later stands.
    pub(crate) fn insert(&mut self, key: K, value: V, until: Option<T>) {
        let before = self.entries.get(&key).map(|(_, before)| *before);
        if let Some(Some(before)) = before {
            self.ends.remove(&(before, key.clone()));
        }
        let until = before.map_or(until, |before| Some(until?.max(before?)));
        self.entries.insert(key.clone(), (value, until));
        if let Some(until) = until {
            self.ends.insert((until, key));
        }
    }

    /// Forgets one before its time.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((_, Some(until))) = self.entries.remove(key) {
            self.ends.remove(&(until, key.clone()));
        }
    }

    /// Forgets some of those that have expired, the earliest first. Returns when the last of these had.
    pub(crate) fn forget(&mut self, now: T) -> Option<T> {
        let mut last = None;
        for _ in 0..FORGOTTEN_AT_ONCE {
            #[cfg(test)]
            {
                self.visited += 1;
            }
            if self.ends.first().is_none_or(|(until, _)| *until > now) {
                break;
            }
            if let Some((until, key)) = self.ends.pop_first() {
                self.entries.remove(&key);
                last = Some(until);
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_is_forgotten_a_few_at_a_time_and_the_earliest_first() {
        let mut map = Expiring::new();
        for (key, until) in [("c", Some(3)), ("a", Some(1)), ("d", Some(4)), ("never", None), ("b", Some(2))] {
            map.insert(key, (), until);
        }
        assert_eq!(map.forget(0), None);
        assert_eq!(map.forget(3), Some(2));
        assert_eq!((map.get("a"), map.get("b"), map.get("c"), map.len()), (None, None, Some(&()), 3));
        assert_eq!(map.forget(3), Some(3));
        assert_eq!(map.forget(9), Some(4));
        assert_eq!((map.forget(9), map.len()), (None, 1), "one never expires");
    }

    #[test]
    fn of_two_times_the_later_stands() {
        let mut map = Expiring::new();
        for until in [3, 1, 5, 4] {
            map.insert("a", until, Some(until));
        }
        assert_eq!((map.get("a"), map.len(), map.ends.len()), (Some(&4), 1, 1));
        assert_eq!((map.forget(4), map.forget(5)), (None, Some(5)));
        for until in [Some(1), None, Some(2)] {
            map.insert("a", 0, until);
        }
        assert_eq!((map.forget(9), map.len(), map.ends.len()), (None, 1, 0));
    }
}
