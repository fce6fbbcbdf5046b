//! Permits that have to be released, as a plain state.
//!
//! A request that was dropped, or whose answer was lost, may have taken a permit. It is released after the next beat,
//! and again after the one behind that, in case the request was still on its way.
//!
//! Why twice: a beat that was answered shows that the store works, and on the same connection that everything before it
//! was carried out. But the request may have been sent on the connection before. A server reads what two connections
//! have sent in any order, and the last bytes of one that broke may be read after the first of the next. By the second
//! beat on the new connection that is over.
//!
//! Without this, five pauses of Redis of 0.7 s each leaked every permit there was: each handshake that was given up had
//! been granted.

use std::mem;

use portcullis_core::shared::Name;

/// A permit of this node that the store has, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingRelease {
    pub(crate) name: Name,
    pub(crate) incarnation: u64,
    pub(crate) permit: u64,
    /// How many more beats it is released after.
    pub(crate) beats: u8,
    /// It was given up before it was known whether it had been taken.
    pub(crate) given_up: bool,
}

/// Permits that have to be released.
#[derive(Debug, Default)]
pub(crate) struct PendingReleases {
    now: Vec<PendingRelease>,
    later: Vec<PendingRelease>,
}

impl PendingReleases {
    /// To be released at once, because the store is known to have it.
    pub(crate) fn now(&mut self, name: Name, incarnation: u64, permit: u64) {
        self.now.push(PendingRelease { name, incarnation, permit, beats: 1, given_up: false });
    }

    /// To be released after the next beat, and once more after the one behind it.
    pub(crate) fn given_up(&mut self, name: Name, incarnation: u64, permit: u64) {
        self.later.push(PendingRelease { name, incarnation, permit, beats: 2, given_up: true });
    }

    /// Takes up to `max` of those that are due at once.
    pub(crate) fn take_now(&mut self, max: usize) -> Vec<PendingRelease> {
        let rest = self.now.split_off(self.now.len().min(max));
        mem::replace(&mut self.now, rest)
    }

    /// Takes those that are due after a beat.
    pub(crate) fn take_later(&mut self) -> Vec<PendingRelease> {
        mem::take(&mut self.later)
    }

    /// Puts back what was not released.
    pub(crate) fn put_back(&mut self, releases: impl IntoIterator<Item = PendingRelease>) {
        self.later.extend(releases);
    }

    /// These were released. Those that are due once more are kept. Returns how many of those that were given up are now
    /// settled.
    pub(crate) fn released(&mut self, releases: impl IntoIterator<Item = PendingRelease>) -> u64 {
        let mut settled = 0;
        for one in releases {
            match one.beats.checked_sub(1) {
                None | Some(0) => settled += u64::from(one.given_up),
                Some(beats) => self.later.push(PendingRelease { beats, ..one }),
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
        let mut releases = PendingReleases::default();
        releases.given_up(NAME, 1, 1);
        assert!(releases.take_now(10).is_empty());
        let first = releases.take_later();
        assert_eq!(first.len(), 1);
        assert_eq!(releases.released(first), 0);
        let second = releases.take_later();
        assert_eq!(releases.released(second), 1);
        assert!(releases.take_later().is_empty());
    }

    #[test]
    fn what_could_not_be_released_at_once_is_released_after_the_next_beat() {
        let mut releases = PendingReleases::default();
        for permit in 0..3 {
            releases.now(NAME, 1, permit);
        }
        let batch = releases.take_now(2);
        assert_eq!(batch.len(), 2);
        releases.put_back(batch);
        assert_eq!(releases.take_now(2).len(), 1);
        let later = releases.take_later();
        assert_eq!((later.len(), releases.released(later)), (2, 0));
        assert!(releases.take_later().is_empty());
    }
}
