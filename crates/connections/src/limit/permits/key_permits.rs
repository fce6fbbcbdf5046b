//! What a permit holds of each of its keys.

use std::slice;

use super::key::Name;
use crate::limit::Limit;

/// What a permit holds of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyPermit {
    pub(super) name: Name,
    /// Which permit of the key it is: later ones have higher numbers. Unique within a shard.
    pub(super) number: u64,
    /// The key's limit. No more than this many are ever counted.
    max: u32,
    pub(super) evict: bool,
    /// No limit of the layer evicts.
    pub(super) refuses: bool,
    /// Its connection has begun.
    pub(super) settled: bool,
}

impl KeyPermit {
    pub(super) fn new(name: Name, limit: Limit, number: u64) -> Self {
        let Limit { evict, refuses, .. } = limit;
        let mut permit = Self { name, number, max: 0, evict, refuses, settled: false };
        permit.limit_to(limit.max);
        permit
    }

    pub(super) fn max(&self) -> usize {
        self.max as usize
    }

    pub(super) fn limit_to(&mut self, max: usize) {
        self.max = u32::try_from(max).unwrap_or(u32::MAX);
    }
}

/// What a permit holds of all its keys. There are as many as connections, and most have one key, so this is no larger
/// than what is held of one.
#[derive(Debug, Default)]
pub(super) enum KeyPermits {
    #[default]
    None,
    One(KeyPermit),
    Many(Vec<KeyPermit>),
}

impl KeyPermits {
    pub(super) fn as_slice(&self) -> &[KeyPermit] {
        match self {
            Self::None => &[],
            Self::One(held) => slice::from_ref(held),
            Self::Many(held) => held,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [KeyPermit] {
        match self {
            Self::None => &mut [],
            Self::One(held) => slice::from_mut(held),
            Self::Many(held) => held,
        }
    }

    pub(super) fn push(&mut self, permit: KeyPermit) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(permit),
            Self::One(held) => Self::Many(vec![held, permit]),
            Self::Many(mut held) => {
                held.push(permit);
                Self::Many(held)
            }
        };
    }

    /// Takes the permit of a name out.
    pub(super) fn take(&mut self, name: Name) -> Option<KeyPermit> {
        let at = self.as_slice().iter().position(|held| held.name == name)?;
        match self {
            Self::Many(held) => Some(held.swap_remove(at)),
            _ => std::mem::take(self).as_slice().first().copied(),
        }
    }
}

impl FromIterator<KeyPermit> for KeyPermits {
    fn from_iter<I: IntoIterator<Item = KeyPermit>>(permits: I) -> Self {
        let mut held = Self::None;
        permits.into_iter().for_each(|permit| held.push(permit));
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_number_each_is_found_and_taken_once() {
        let permit = |number| KeyPermit::new(Name::of(number), Limit::new(5), number);
        for several in 0..4 {
            let mut held: KeyPermits = (0..several).map(permit).collect();
            assert_eq!(held.as_mut_slice().len(), held.as_slice().len());
            assert!(held.take(Name::of(several)).is_none());
            for number in 0..several {
                assert_eq!(held.take(Name::of(number)).map(|held| held.number), Some(number));
                assert!(held.take(Name::of(number)).is_none());
            }
            assert!(held.as_slice().is_empty());
            held.push(permit(7));
            assert_eq!(held.as_slice().len(), 1);
        }
    }

    #[test]
    fn one_is_held_without_a_list_and_a_word_more() {
        assert_eq!(size_of::<KeyPermits>(), size_of::<KeyPermit>());
    }

    #[test]
    fn a_limit_beyond_what_is_counted_stays_the_largest() {
        let mut permit = KeyPermit::new(Name::of(1), Limit::new(usize::MAX), 1);
        assert_eq!(permit.max(), u32::MAX as usize);
        permit.limit_to(3);
        assert_eq!(permit.max(), 3);
    }
}
