//! GCRA, with what governor's limiter lacks: one clock reading for many cells, cells given
//! back, cells taken ahead of their time, and intervals below a nanosecond, which rates of bytes need.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    time::{Duration, Instant},
};

use crate::Quota;

/// Time is counted in sixteenths of a nanosecond.
const UNITS: u64 = 16;

/// Nine years. A limit that cannot be computed must not fail open.
const LONGEST: u64 = u64::MAX / 4;

/// A quota of bytes.
///
/// ```
/// use std::time::Instant;
/// use portcullis_quota::{ByteQuota, Epoch, Meter};
///
/// let meter = Meter::from(ByteQuota::per_second(1_000).allow_burst(4_000));
/// let (now, mut full_at) = (Epoch::new().units(Instant::now()), 0);
/// assert!(meter.take(&mut full_at, 3_000, now).is_ok());
/// assert!(meter.take(&mut full_at, 3_000, now).is_err(), "in two seconds");
/// assert!(meter.exceeds_burst(4_001), "never");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteQuota {
    per_second: NonZeroU64,
    burst: NonZeroU64,
}

impl ByteQuota {
    /// Admits `bytes` per second on average, in bursts of the same size.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn per_second(bytes: u64) -> Self {
        let bytes = NonZeroU64::new(bytes).expect("a rate is at least one byte a second");
        Self { per_second: bytes, burst: bytes }
    }

    /// Sets how many bytes may arrive at once, which is also the size of the largest message: a larger one is always
    /// refused.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn allow_burst(self, bytes: u64) -> Self {
        Self { burst: NonZeroU64::new(bytes).expect("a burst is at least one byte"), ..self }
    }
}

/// A quota as intervals of time, for GCRA. Its state is a single number: the time at which the whole burst would be
/// available again, in the units of an [`Epoch`]. Zero is long ago, so a new state is zero.
///
/// ```
/// use std::{num::NonZeroU32, time::{Duration, Instant}};
/// use portcullis_quota::{Epoch, Meter, Quota};
///
/// let meter = Meter::from(Quota::per_second(NonZeroU32::new(4).unwrap()));
/// let (epoch, start) = (Epoch::new(), Instant::now());
/// let (now, mut full_at) = (epoch.units(start), 0);
/// assert!(meter.take(&mut full_at, 3, now).is_ok());
/// assert_eq!(meter.remaining(full_at, now), 1);
///
/// let ready = meter.take(&mut full_at, 2, now).unwrap_err();
/// assert_eq!(epoch.instant(ready, start), start + Duration::from_millis(250));
/// assert_eq!(meter.remaining(full_at, now), 1, "what is refused costs nothing");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    cell: u64,
    burst: u64,
}

impl From<Quota> for Meter {
    fn from(quota: Quota) -> Self {
        // A quota's intervals are whole nanoseconds, and zero above a billion a second: that would limit nothing.
        let cell = units(quota.replenish_interval()).max(UNITS);
        Self { cell, burst: cell.saturating_mul(quota.burst_size().get().into()).min(LONGEST) }
    }
}

impl From<ByteQuota> for Meter {
    fn from(quota: ByteQuota) -> Self {
        let cell = (UNITS * 1_000_000_000).div_ceil(quota.per_second.get());
        Self { cell, burst: cell.saturating_mul(quota.burst.get()).min(LONGEST) }
    }
}

impl Meter {
    /// Returns the state after `cells` were taken, whether or not they are available.
    pub fn after(self, full_at: u64, cells: u64, now: u64) -> u64 {
        full_at.max(now).saturating_add(self.cost(cells))
    }

    /// Returns when the cells that lead to the state `after` are available: now, if it is not later than now.
    pub fn ready(self, after: u64) -> u64 {
        after.saturating_sub(self.burst)
    }

    /// Returns true if `cells` are more than the burst, so that they are never available at once.
    pub fn exceeds_burst(self, cells: u64) -> bool {
        self.cost(cells) > self.burst
    }

    /// Takes `cells`, all or none.
    ///
    /// # Errors
    ///
    /// Returns when they will be available, in units.
    pub fn take(self, full_at: &mut u64, cells: u64, now: u64) -> Result<(), u64> {
        let after = self.after(*full_at, cells, now);
        let ready = self.ready(after);
        if ready > now {
            return Err(ready);
        }
        *full_at = after;
        Ok(())
    }

    /// Takes as many of `want` cells as are available, if these are at least `least`.
    ///
    /// # Errors
    ///
    /// Returns when `least` cells will be available, in units. Nothing is taken.
    pub fn buy(self, full_at: &mut u64, want: u64, least: u64, now: u64) -> Result<u64, u64> {
        let cells = want.min(self.remaining(*full_at, now));
        if cells < least {
            return Err(self.ready(self.after(*full_at, least, now)));
        }
        *full_at = self.after(*full_at, cells, now);
        Ok(cells)
    }

    /// Returns the time in which `cells` become available, in units.
    pub fn cost(self, cells: u64) -> u64 {
        self.cell.saturating_mul(cells).min(LONGEST)
    }

    /// Returns how many cells are available.
    pub fn remaining(self, full_at: u64, now: u64) -> u64 {
        self.burst.saturating_sub(full_at.saturating_sub(now)) / self.cell
    }

    /// Returns the share of one of `nodes` nodes: the rate divided by their number, and the burst divided and rounded
    /// up.
    ///
    /// ```
    /// use std::num::{NonZeroU32, NonZeroUsize};
    /// use portcullis_quota::{Meter, Quota};
    ///
    /// let whole = Meter::from(Quota::per_second(NonZeroU32::new(10).unwrap()));
    /// let share = whole.share(NonZeroUsize::new(4).unwrap());
    /// assert_eq!((share.burst(), share.interval()), (3, 4 * whole.interval()));
    /// ```
    pub fn share(self, nodes: NonZeroUsize) -> Self {
        let nodes = nodes.get() as u64;
        let (cells, cell) = ((self.burst / self.cell).div_ceil(nodes), self.cost(nodes));
        Self { cell, burst: cell.saturating_mul(cells).min(LONGEST) }
    }

    /// Returns the burst.
    pub fn burst(self) -> u64 {
        self.burst / self.cell
    }

    /// Returns the time after which one more cell is available, rounded up to nanoseconds.
    pub fn interval(self) -> Duration {
        Duration::from_nanos(self.cell.div_ceil(UNITS))
    }

    /// Returns how many cells become available within `time`, in units.
    pub fn within(self, time: u64) -> u64 {
        time / self.cell
    }

    /// Returns how long it takes until the whole burst is available again, in units.
    pub fn period(self) -> u64 {
        self.burst
    }
}

/// The beginning of time for states that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(Instant);

impl Epoch {
    /// Creates an epoch that begins an hour ago, before any time that is asked about, also by a test's clock.
    #[expect(clippy::new_without_default, reason = "a time is not a default")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self(now.checked_sub(Duration::from_secs(3600)).unwrap_or(now))
    }

    /// Returns a time in units since the epoch.
    pub fn units(self, now: Instant) -> u64 {
        units(now.saturating_duration_since(self.0))
    }

    /// Returns the instant of a time in units, rounded up, so that a client which waits until then is not too early.
    pub fn instant(self, at: u64, now: Instant) -> Instant {
        let wait = Duration::from_nanos(at.saturating_sub(self.units(now)).div_ceil(UNITS));
        now.checked_add(wait).unwrap_or(now)
    }
}

/// Returns a duration in the units of an [`Epoch`].
pub fn units(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(LONGEST).saturating_mul(UNITS).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::{RateLimiter, clock::FakeRelativeClock};
    use proptest::prelude::*;

    use super::*;

    fn take(meter: Meter, full_at: &mut u64, cells: u64, now: u64) -> bool {
        meter.take(full_at, cells, now).is_ok()
    }

    fn count(cells: u32) -> NonZeroU32 {
        NonZeroU32::new(cells).unwrap()
    }

    proptest! {
        #[test]
        fn admits_what_governor_admits(
            rate in 1..2000_u32,
            burst in 1..50_u32,
            steps in prop::collection::vec(0..5_000_000_u64, 1..200),
        ) {
            let quota = Quota::per_second(count(rate)).allow_burst(count(burst));
            let clock = FakeRelativeClock::default();
            let same = governor::Quota::per_second(count(rate)).allow_burst(count(burst));
            let theirs = RateLimiter::direct_with_clock(same, clock.clone());
            let (ours, mut full_at, mut now) = (Meter::from(quota), 0, 1 << 40);
            for step in steps {
                clock.advance(Duration::from_nanos(step));
                now += step * UNITS;
                prop_assert_eq!(take(ours, &mut full_at, 1, now), theirs.check().is_ok());
            }
        }

        /// In every window, not only since the beginning.
        #[test]
        fn never_admits_more_than_burst_and_rate(
            burst in 1..20_u64,
            steps in prop::collection::vec((0..200_u64, 1..5_u64), 1..100),
        ) {
            let meter = Meter::from(ByteQuota::per_second(10).allow_burst(burst));
            let (mut full_at, mut now, mut admitted) = (0, 0, Vec::new());
            for (step, cells) in steps {
                now += units(Duration::from_millis(step));
                if take(meter, &mut full_at, cells, now) {
                    admitted.push((now, cells));
                }
            }
            for (at, (from, _)) in admitted.iter().enumerate() {
                let mut total = 0;
                for (to, cells) in &admitted[at..] {
                    total += cells;
                    let max = burst + (to - from) * 10 / units(Duration::from_secs(1));
                    prop_assert!(total <= max, "{total} of {max}");
                }
            }
        }

        #[test]
        fn a_polite_client_is_never_refused(rate in 1..5000_u32, sent in 1..300_u32) {
            let meter = Meter::from(Quota::per_second(count(rate)).allow_burst(count(1)));
            let mut full_at = 0;
            for at in 0..sent {
                let now = units(Duration::from_secs(1)).div_ceil(rate.into()) * u64::from(at);
                prop_assert!(take(meter, &mut full_at, 1, now), "{at}");
            }
        }
    }

    #[test]
    fn extreme_quotas_still_limit() {
        for (meter, max) in [
            (Meter::from(Quota::with_period(Duration::MAX).unwrap().allow_burst(count(5))), 5),
            (Meter::from(Quota::with_period(Duration::MAX).unwrap()), 1),
            (Meter::from(Quota::per_second(count(1_000_000_001)).allow_burst(count(2))), 2),
            (Meter::from(Quota::per_second(count(1)).allow_burst(NonZeroU32::MAX)), 1000),
            (Meter::from(ByteQuota::per_second(u64::MAX).allow_burst(7)), 7),
            (Meter::from(ByteQuota::per_second(1).allow_burst(u64::MAX)), 1000),
        ] {
            let mut full_at = 0;
            let admitted = (0..1000).filter(|_| take(meter, &mut full_at, 1, 1 << 40)).count();
            assert!(admitted <= max && admitted > 0, "{meter:?}: {admitted}");
            assert!(!take(meter, &mut full_at, u64::MAX, 1 << 40) || meter.exceeds_burst(u64::MAX));
        }
    }

    #[test]
    fn shares_of_all_nodes_are_the_quota_and_a_burst_that_is_rounded_up() {
        let meter = Meter::from(Quota::per_second(count(10)).allow_burst(count(5)));
        let second = units(Duration::from_secs(1));
        for (nodes, at_once, in_ten_seconds) in [(1, 5, 105), (2, 3, 53), (5, 1, 21), (10, 1, 11)] {
            let share = meter.share(NonZeroUsize::new(nodes).unwrap());
            let (mut full_at, mut admitted) = (0, 0);
            assert_eq!(share.remaining(full_at, 1 << 40), at_once, "{nodes}");
            for step in 0..=10_000 {
                admitted += u32::from(take(share, &mut full_at, 1, (1 << 40) + step * second / 1000));
            }
            assert_eq!(admitted, in_ten_seconds, "{nodes}");
        }
    }

    #[test]
    fn bytes_are_exact_where_nanoseconds_are_not() {
        let meter = Meter::from(ByteQuota::per_second(64_000_000));
        let (mut full_at, second) = (0, units(Duration::from_secs(1)));
        assert!(take(meter, &mut full_at, 64_000_000, 0));
        assert!(!take(meter, &mut full_at, 64_000_000, second - 16));
        assert!(take(meter, &mut full_at, 64_000_000, second));
    }
}
