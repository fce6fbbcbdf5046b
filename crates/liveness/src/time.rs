//! Deadlines that cannot overflow, and verdicts that wait for a busy handler.
//!
//! A handler that computes for a minute leaves its peer's answers unread. The peer must not be closed for that, so a
//! verdict is put off while something is unread, until the handler has read what was there at the last look.

use std::time::{Duration, Instant};

use portcullis_core::policy::Activity;

/// What could not be judged, because input waits that the handler has not read, is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// Returns the time `by` after `time`, or `None` if an `Instant` cannot represent it, and so it never comes.
pub(crate) fn later(time: Instant, by: Duration) -> Option<Instant> {
    time.checked_add(by)
}

/// A random part of a time, which each connection has for itself, in few bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction(u32);

impl Fraction {
    pub(crate) fn random() -> Self {
        Self(fastrand::u32(..))
    }

    /// That part of a time, never all of it.
    pub(crate) fn of(self, time: Duration) -> Duration {
        // In whole numbers, which is quicker: deadlines are asked for often. None of these can overflow.
        let seconds = u128::from(time.as_secs()) * u128::from(self.0);
        let below =
            (seconds & u128::from(u32::MAX)) * 1_000_000_000 + u128::from(time.subsec_nanos()) * u128::from(self.0);
        let [seconds, below] = [seconds >> 32, below >> 32].map(|whole| u64::try_from(whole).unwrap_or(u64::MAX));
        Duration::from_secs(seconds) + Duration::from_nanos(below)
    }
}

/// Puts a verdict on a peer off while input waits that its handler has not read.
///
/// A peer that sends a little all the time has something waiting whenever one looks: once the handler has read what
/// waited the last time, it is not the handler that is slow.
///
/// Most connections never have one, and so it is boxed.
#[derive(Default)]
pub(crate) struct Deferral(Option<Box<Deferred>>);

/// What was put off the last time.
#[derive(Clone, Copy, Default)]
struct Deferred {
    again: Option<Instant>,
    /// What the verdict is about: since when nothing was said, or when the message began.
    since: Option<Instant>,
    /// What had come in when it was put off.
    received: u64,
    /// There was more than one could see.
    inconclusive: bool,
}

impl Deferral {
    /// When it is looked at again.
    pub(crate) fn again(&self) -> Option<Instant> {
        self.0.as_ref()?.again
    }

    fn last(&self) -> Deferred {
        self.0.as_deref().copied().unwrap_or_default()
    }

    /// [`holds`](Self::holds), and also while more waits than is looked at, or did the last time, or input is delayed:
    /// the handler may have read what was seen of it, and the rest have waited here. A peer cannot have that much wait
    /// unless it is faster than the handler.
    pub(crate) fn holds_inconclusive(&mut self, since: Option<Instant>, activity: &Activity, now: Instant) -> bool {
        let last = self.last();
        let inconclusive = activity.inconclusive || (last.inconclusive && last.since == since);
        let holds = self.holds(since, activity, now)
            || (inconclusive && activity.has_unread_input && self.hold(since, activity, now));
        if last.inconclusive != activity.inconclusive {
            self.0.get_or_insert_default().inconclusive = activity.inconclusive;
        }
        holds
    }

    /// Whether the verdict must wait.
    pub(crate) fn holds(&mut self, since: Option<Instant>, activity: &Activity, now: Instant) -> bool {
        let last = self.last();
        let was_read = last.since == since && activity.read >= last.received;
        activity.has_unread_input && !was_read && self.hold(since, activity, now)
    }

    fn hold(&mut self, since: Option<Instant>, activity: &Activity, now: Instant) -> bool {
        let again = later(now, AGAIN);
        let deferred = Deferred { again, since, received: activity.received, inconclusive: self.last().inconclusive };
        self.0 = Some(Box::new(deferred));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_exact_for_any_time() {
        for (fraction, time, expected) in [
            (0, Duration::MAX, Duration::ZERO),
            (1 << 31, Duration::from_secs(3), Duration::from_millis(1500)),
            (1 << 31, Duration::from_nanos(1_000_000_001), Duration::from_millis(500)),
            (1 << 30, Duration::from_millis(100), Duration::from_millis(25)),
            (u32::MAX, Duration::from_secs(1), Duration::from_nanos(999_999_999)),
            (1 << 31, Duration::MAX, Duration::new(u64::MAX / 2, 999_999_999)),
        ] {
            assert_eq!(Fraction(fraction).of(time), expected, "{fraction} of {time:?}");
        }
        assert!(Fraction(u32::MAX).of(Duration::MAX) < Duration::MAX);
    }
}
