//! Which policies judge frames, so that a read does not ask the others.
//!
//! Most layers install a policy that has deadlines and judges no frames: idle timeouts, keepalive, a session's end.
//! With a bit for each, a read iterates over those that want frames, and over nothing where there is none.

use std::{iter, num::NonZeroU16};

/// The place of a policy, the outermost first and counted from one, in few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(NonZeroU16);

impl Place {
    /// A connection never has as many policies as that.
    pub(super) fn of(index: usize) -> Self {
        Self(NonZeroU16::MIN.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)))
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::of(0)
    }
}

/// Which policies judge frames, by their places. A policy beyond the 64th place is always asked, which is never wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InputWatchers {
    /// A bit for each of the outermost 64 policies: it judges frames.
    known: u64,
}

impl InputWatchers {
    /// Puts a policy at the outermost place. All others move one place inwards.
    pub(super) fn install_outermost(&mut self, watches: bool) {
        self.known = self.known << 1 | u64::from(watches);
    }

    pub(super) fn has(self, place: usize) -> bool {
        place >= 64 || self.known >> place & 1 == 1
    }

    /// The places of the policies that judge frames, given how many policies there are.
    #[inline]
    pub(super) fn of(self, policies: usize) -> impl Iterator<Item = usize> {
        let mut known = self.known;
        let known = iter::from_fn(move || {
            let place = known.trailing_zeros();
            // Clears the lowest bit that is set. `None` if there is none.
            known &= known.checked_sub(1)?;
            Some(place as usize)
        });
        known.chain(64..policies)
    }
}

#[cfg(test)]
mod tests {
    use super::InputWatchers;

    #[test]
    fn places_move_inwards() {
        let mut input_watchers = InputWatchers::default();
        for judge in [true, false, false, true] {
            input_watchers.install_outermost(judge);
        }
        assert_eq!(input_watchers.of(4).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn a_policy_beyond_the_last_place_is_asked() {
        let mut input_watchers = InputWatchers::default();
        for _ in 0..70 {
            input_watchers.install_outermost(false);
        }
        assert_eq!(input_watchers.of(70).collect::<Vec<_>>(), [64, 65, 66, 67, 68, 69]);
    }
}
