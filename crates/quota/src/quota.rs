//! How many events may happen in a time, and how many of them at once.
//!
//! Applications state quotas in these terms, which are those of the crate governor, but do not depend on its version.

use std::{num::NonZeroU32, time::Duration};

/// How many messages, frames or handshakes are admitted: a number of events per time on average, in bursts of up to
/// [`allow_burst`](Self::allow_burst).
///
/// With feature `governor`, a `governor::Quota` converts into one.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use portcullis_quota::Quota;
///
/// let ten = NonZeroU32::new(10).unwrap();
/// let quota = Quota::per_second(ten);
/// assert_eq!((quota.replenish_interval(), quota.burst_size()), (Duration::from_millis(100), ten));
/// assert_eq!(Quota::with_period(Duration::from_millis(100)).unwrap().allow_burst(ten), quota);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Quota {
    interval: Duration,
    burst: NonZeroU32,
}

impl Quota {
    /// Admits `events` per second on average, in bursts of the same size.
    pub const fn per_second(events: NonZeroU32) -> Self {
        Self::per(Duration::from_secs(1), events)
    }

    /// Admits `events` per minute on average, in bursts of the same size.
    ///
    /// A burst of the size of a whole minute is often more than is meant: set [`allow_burst`](Self::allow_burst) as
    /// well.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::{Duration, Instant}};
    /// use portcullis_quota::{Epoch, Meter, Quota};
    ///
    /// let [sixty, five] = [60, 5].map(|events| NonZeroU32::new(events).unwrap());
    /// let at_once = |quota: Quota| Meter::from(quota).remaining(0, Epoch::new().units(Instant::now()));
    /// assert_eq!(at_once(Quota::per_minute(sixty)), 60);
    /// assert_eq!(at_once(Quota::per_minute(sixty).allow_burst(five)), 5);
    /// assert_eq!(Quota::per_minute(sixty).replenish_interval(), Duration::from_secs(1));
    /// ```
    pub const fn per_minute(events: NonZeroU32) -> Self {
        Self::per(Duration::from_secs(60), events)
    }

    /// Admits `events` per hour on average, in bursts of the same size.
    pub const fn per_hour(events: NonZeroU32) -> Self {
        Self::per(Duration::from_secs(60 * 60), events)
    }

    const fn per(time: Duration, events: NonZeroU32) -> Self {
        Self { interval: time.checked_div(events.get()).expect("there is at least one event"), burst: events }
    }

    /// Admits one event per `interval` on average, one at a time. `None` if `interval` is zero.
    pub const fn with_period(interval: Duration) -> Option<Self> {
        if interval.is_zero() { None } else { Some(Self { interval, burst: NonZeroU32::MIN }) }
    }

    /// Sets how many events may happen at once. The rate stays as it is.
    pub const fn allow_burst(self, events: NonZeroU32) -> Self {
        Self { burst: events, ..self }
    }

    /// Returns the interval after which one more event is admitted, in whole nanoseconds and rounded down. It is zero
    /// for more than a billion events per second, for which a [`Meter`](crate::Meter) uses its shortest interval.
    #[must_use]
    pub const fn replenish_interval(&self) -> Duration {
        self.interval
    }

    /// Returns how many events may happen at once.
    #[must_use]
    pub const fn burst_size(&self) -> NonZeroU32 {
        self.burst
    }
}

#[cfg(feature = "governor")]
impl From<governor::Quota> for Quota {
    fn from(quota: governor::Quota) -> Self {
        Self { interval: quota.replenish_interval(), burst: quota.burst_size() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_governors() {
        for events in [1, 2, 3, 7, 10, 59, 60, 61, 1000, 3601, 1_000_000_007, u32::MAX] {
            let events = NonZeroU32::new(events).unwrap();
            for (ours, theirs) in [
                (Quota::per_second(events), governor::Quota::per_second(events)),
                (Quota::per_minute(events), governor::Quota::per_minute(events)),
                (Quota::per_hour(events), governor::Quota::per_hour(events)),
            ] {
                let theirs = (theirs.replenish_interval(), theirs.burst_size());
                assert_eq!((ours.replenish_interval(), ours.burst_size()), theirs, "{events}");
            }
        }
        assert_eq!(Quota::with_period(Duration::ZERO), None);
    }
}
