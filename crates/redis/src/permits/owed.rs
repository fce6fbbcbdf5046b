//! Permits that have to be released, as a plain state.

use std::mem;

use portcullis_core::shared::Name;

/// A permit of this node that the store has, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owing {
    pub(crate) name: Name,
    pub(crate) incarnation: u64,
    pub(crate) permit: u64,
    /// After so many beats more.
    pub(crate) beats: u8,
    /// It was given up before it was known whether it had been taken.
    pub(crate) given_up: bool,
}

/// Permits that have to be released.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    now: Vec<Owing>,
    later: Vec<Owing>,
}

impl Owed {
    /// To be released at once, because the store is known to have it.
    pub(crate) fn now(&mut self, name: Name, incarnation: u64, permit: u64) {
        self.now.push(Owing { name, incarnation, permit, beats: 1, given_up: false });
    }

    /// To be released after the next beat, and once more after the one behind it.
    pub(crate) fn given_up(&mut self, name: Name, incarnation: u64, permit: u64) {
        self.later.push(Owing { name, incarnation, permit, beats: 2, given_up: true });
    }

    /// What is due at once, of which there are at most so many.
    pub(crate) fn take_now(&mut self, max: usize) -> Vec<Owing> {
        let rest = self.now.split_off(self.now.len().min(max));
        mem::replace(&mut self.now, rest)
    }

    /// What is due after a beat.
    pub(crate) fn take_later(&mut self) -> Vec<Owing> {
        mem::take(&mut self.later)
    }

    /// These were not released.
    pub(crate) fn put_back(&mut self, owed: impl IntoIterator<Item = Owing>) {
        self.later.extend(owed);
    }

    /// These were released. Those that are due once more are kept. Returns how many that were given up are settled.
    pub(crate) fn released(&mut self, owed: impl IntoIterator<Item = Owing>) -> u64 {
        let mut settled = 0;
        for one in owed {
            match one.beats.checked_sub(1) {
                None | Some(0) => settled += u64::from(one.given_up),
                Some(beats) => self.later.push(Owing { beats, ..one }),
            }
        }
        settled
    }

    /// The incarnation is over, and with it what it had.
    pub(crate) fn clear(&mut self) {
        self.now.clear();
        self.later.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name::from_bytes([1; 16]);

    #[test]
    fn what_was_given_up_is_released_after_two_beats() {
        let mut owed = Owed::default();
        owed.given_up(NAME, 1, 1);
        assert!(owed.take_now(10).is_empty());
        let first = owed.take_later();
        assert_eq!(first.len(), 1);
        assert_eq!(owed.released(first), 0);
        let second = owed.take_later();
        assert_eq!(owed.released(second), 1);
        assert!(owed.take_later().is_empty());
    }

    #[test]
    fn what_could_not_be_released_at_once_is_released_after_the_next_beat() {
        let mut owed = Owed::default();
        for permit in 0..3 {
            owed.now(NAME, 1, permit);
        }
        let batch = owed.take_now(2);
        assert_eq!(batch.len(), 2);
        owed.put_back(batch);
        assert_eq!(owed.take_now(2).len(), 1);
        let later = owed.take_later();
        assert_eq!((later.len(), owed.released(later)), (2, 0));
        assert!(owed.take_later().is_empty());
    }
}
