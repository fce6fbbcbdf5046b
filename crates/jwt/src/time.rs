//! The time by both clocks: a token ends by the wall clock, and a session by whichever ends first.

use std::time::{Duration, Instant, SystemTime};

use crate::settings::Settings;

/// How often a session's end is checked at least, because wall clocks jump ahead and machines sleep.
const MAX_BLIND: Duration = Duration::from_secs(60);

impl<T: 'static> Settings<T> {
    /// A time of the monotonic clock in one word, good for centuries.
    fn nanos(&self, time: Instant) -> i64 {
        match time.checked_duration_since(self.epoch) {
            Some(since) => nanos(since),
            // Under a test's clock, a layer may have been made later than it is used.
            None => -nanos(self.epoch.saturating_duration_since(time)),
        }
    }

    pub(crate) fn instant(&self, nanos: i64) -> Option<Instant> {
        let by = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { self.epoch.checked_sub(by) } else { self.epoch.checked_add(by) }
    }

    /// How long a token is good by the wall clock, grace included. `None` if it does not expire.
    pub(crate) fn left(&self, expires_at: Option<SystemTime>, time: Time) -> Option<Duration> {
        let end = expires_at?.checked_add(self.grace)?;
        Some(end.duration_since(time.wall).unwrap_or_default())
    }

    /// The time by both clocks, of which one was read. Must be called without a lock: the verifier's clock may be the
    /// application's code.
    pub(crate) fn time(&self, steady: Instant) -> Time {
        Time { wall: self.verifier.now(), steady: self.nanos(steady) }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

/// The time by both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) wall: SystemTime,
    /// In nanoseconds since the layer's epoch.
    pub(crate) steady: i64,
}

/// An end of the monotonic clock.
pub(crate) const NEVER: i64 = i64::MAX;

impl Time {
    /// The monotonic clock after some more time.
    pub(crate) fn steady_in(self, left: Duration) -> i64 {
        self.steady.saturating_add(nanos(left))
    }

    /// When the end of a session is looked at next.
    pub(crate) fn look_at(self, left: Option<Duration>) -> i64 {
        left.map_or(NEVER, |left| self.steady_in(left.min(MAX_BLIND)).min(NEVER - 1))
    }
}
