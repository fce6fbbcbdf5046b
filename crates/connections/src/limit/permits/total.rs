//! How many permits there are of all keys together.
//!
//! Every handshake changes this count, so it is an atomic and not a lock. The lowest bit of the word is the high-water
//! mark. Were it a word of its own, a thread could raise the count past the mark, a second one lower it again, and both
//! announce, or neither. `interleavings.rs` holds the word, the shards and the permit's lock to all orders of two
//! threads, in loom.

use super::key::Full;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// What was crossed by a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossed {
    pub(crate) live: usize,
    pub(crate) max: usize,
}

/// The count, and whether the high-water mark was announced: one word, so that both change together without a lock.
/// Nothing else is published through it: what belongs to a key is under the lock of its shard.
#[derive(Debug)]
pub(super) struct Total {
    max: Option<usize>,
    word: AtomicUsize,
}

/// What the word says.
#[derive(Debug, Clone, Copy)]
struct Level {
    live: usize,
    /// The high-water mark was crossed, and announced.
    high: bool,
}

impl Total {
    pub(super) fn new(max: Option<usize>) -> Self {
        Self { max, word: AtomicUsize::new(0) }
    }

    pub(super) fn live(&self) -> usize {
        self.level().live
    }

    pub(super) fn is_high(&self) -> bool {
        self.level().high
    }

    /// Whether more are counted than a part of the limit.
    pub(super) fn exceeds(&self, part: impl Fn(usize) -> usize) -> bool {
        self.max.is_some_and(|max| self.level().live > part(max))
    }

    pub(super) fn is_full(&self) -> bool {
        self.level().is_full(self.max)
    }

    /// Counts one more, if there is room.
    pub(super) fn take(&self) -> Result<Option<Crossed>, Full> {
        let up = |level: Level| (!level.is_full(self.max)).then(|| level.moved(level.live + 1, self.max));
        // The mark is in the same word, so of all that cross it together exactly one finds it unset before and set
        // after, and announces.
        let (before, after) = self.step(up).ok_or(Full::Server)?;
        let crosses = after.high && !before.high;
        Ok(self.max.filter(|_| crosses).map(|max| Crossed { live: after.live, max }))
    }

    /// Counts one less. Below the mark it may be announced again.
    pub(super) fn leave(&self) {
        let down = |level: Level| Some(level.moved(level.live.saturating_sub(1), self.max));
        let _always_some = self.step(down);
    }

    fn level(&self) -> Level {
        Level::of(self.word.load(Ordering::Acquire))
    }

    fn step(&self, change: impl Fn(Level) -> Option<Level>) -> Option<(Level, Level)> {
        // A check and then an add would be two steps: two new connections could both find the last place. Here the one
        // whose exchange fails looks again.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let before = Level::of(word);
            let after = change(before)?;
            match self.word.compare_exchange_weak(word, after.word(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((before, after)),
                Err(other) => word = other,
            }
        }
    }
}

impl Level {
    fn of(word: usize) -> Self {
        Self { live: word >> 1, high: word & 1 == 1 }
    }

    fn word(self) -> usize {
        (self.live << 1) | usize::from(self.high)
    }

    fn is_full(self, max: Option<usize>) -> bool {
        max.is_some_and(|max| self.live >= max)
    }

    /// High from nine tenths on, until it was below eight.
    fn moved(self, live: usize, max: Option<usize>) -> Self {
        let Some(max) = max else { return Self { live, high: false } };
        let (tenths, eight, nine) = (live.saturating_mul(10), max.saturating_mul(8), max.saturating_mul(9));
        let high = tenths >= nine || (self.high && tenths >= eight);
        Self { live, high }
    }
}
