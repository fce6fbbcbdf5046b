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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteQuota {
    per_second: NonZeroU64,
    burst: NonZeroU64,
}

impl ByteQuota {
    /// So many bytes a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn per_second(bytes: u64) -> Self {
        let bytes = NonZeroU64::new(bytes).expect("a rate is at least one byte a second");
        Self { per_second: bytes, burst: bytes }
    }

    /// So many bytes at once: the largest message at least. One that is larger is refused, whatever was sent before.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn allow_burst(self, bytes: u64) -> Self {
        Self { burst: NonZeroU64::new(bytes).expect("a burst is at least one byte"), ..self }
    }
}

/// One quota, as intervals of time. A state is when all would be there again, in the units of an [`Epoch`]; nought is
/// long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    cell: u64,
    burst: u64,
}

impl From<Quota> for Meter {
    fn from(quota: Quota) -> Self {
        // A quota's intervals are whole nanoseconds, and nought above a billion a second: that would limit nothing.
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
    /// When all would be there again, had so many cells been taken.
    pub fn after(self, full_at: u64, cells: u64, now: u64) -> u64 {
        full_at.max(now).saturating_add(self.cost(cells))
    }

    /// When that many are there to be taken: now, if it is not later.
    pub fn ready(self, after: u64) -> u64 {
        after.saturating_sub(self.burst)
    }

    /// Whether so many are never there at once.
    pub fn exceeds_burst(self, cells: u64) -> bool {
        self.cost(cells) > self.burst
    }

    /// Takes so many cells, or says when they would be there.
    ///
    /// # Errors
    ///
    /// The time, in units.
    pub fn take(self, full_at: &mut u64, cells: u64, now: u64) -> Result<(), u64> {
        let after = self.after(*full_at, cells, now);
        let ready = self.ready(after);
        if ready > now {
            return Err(ready);
        }
        *full_at = after;
        Ok(())
    }

    /// Takes as many of so many cells as there are, or says when there would be the least that is worth it.
    ///
    /// # Errors
    ///
    /// The time, in units.
    pub fn buy(self, full_at: &mut u64, want: u64, least: u64, now: u64) -> Result<u64, u64> {
        let cells = want.min(self.remaining(*full_at, now));
        if cells < least {
            return Err(self.ready(self.after(*full_at, least, now)));
        }
        *full_at = self.after(*full_at, cells, now);
        Ok(cells)
    }

    /// What so many cells are worth, in units of time.
    pub fn cost(self, cells: u64) -> u64 {
        self.cell.saturating_mul(cells).min(LONGEST)
    }

    /// How many could be taken now.
    pub fn remaining(self, full_at: u64, now: u64) -> u64 {
        self.burst.saturating_sub(full_at.saturating_sub(now)) / self.cell
    }

    /// The part of one of so many nodes: as many cells less often, and a burst that is rounded up.
    pub fn share(self, nodes: NonZeroUsize) -> Self {
        let nodes = nodes.get() as u64;
        let (cells, cell) = ((self.burst / self.cell).div_ceil(nodes), self.cost(nodes));
        Self { cell, burst: cell.saturating_mul(cells).min(LONGEST) }
    }

    /// How many there are at once.
    pub fn burst(self) -> u64 {
        self.burst / self.cell
    }

    /// After how long there is one more. Rounded up.
    pub fn interval(self) -> Duration {
        Duration::from_nanos(self.cell.div_ceil(UNITS))
    }

    /// How many come back within so many units of time.
    pub fn within(self, time: u64) -> u64 {
        time / self.cell
    }

    /// How long an empty one takes to be full.
    pub fn period(self) -> u64 {
        self.burst
    }
}

/// The beginning of time, for those who share a state.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(Instant);

impl Epoch {
    /// Before any time that will be asked about, also where a test holds the clock.
    #[expect(clippy::new_without_default, reason = "a time is not a default")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self(now.checked_sub(Duration::from_secs(3600)).unwrap_or(now))
    }

    /// The units that have passed.
    pub fn units(self, now: Instant) -> u64 {
        units(now.saturating_duration_since(self.0))
    }

    /// Rounded up: who comes back then must not be too early.
    pub fn instant(self, at: u64, now: Instant) -> Instant {
        let wait = Duration::from_nanos(at.saturating_sub(self.units(now)).div_ceil(UNITS));
        now.checked_add(wait).unwrap_or(now)
    }
}

/// A time, in the units of an [`Epoch`].
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
