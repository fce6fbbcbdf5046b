//! GCRA over governor's `Quota`, with what governor's own limiter lacks: one clock reading for many cells, cells given
//! back, and cells taken ahead of their time.

use std::time::{Duration, Instant};

use governor::Quota;

/// governor's intervals are whole nanoseconds, and nought above a billion a second: that would limit nothing.
const SHORTEST: Duration = Duration::from_nanos(1);

/// A century. Beyond it an `Instant` may overflow, and a limit that cannot be computed must not fail open.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The state of one quota: when it would be full again.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    cell: Duration,
    burst: Duration,
    full_at: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new(quota: Quota) -> Self {
        let cell = quota.replenish_interval().clamp(SHORTEST, LONGEST);
        Self { cell, burst: cell.saturating_mul(quota.burst_size().get()).min(LONGEST), full_at: None }
    }

    /// Takes so many cells, all or none.
    ///
    /// # Errors
    ///
    /// When they would be there.
    pub(crate) fn take(&mut self, cells: u32, now: Instant) -> Result<(), Instant> {
        let full_at = self.after(cells, now);
        match full_at.checked_sub(self.burst) {
            Some(ready) if ready > now => Err(ready),
            _ => {
                self.full_at = Some(full_at);
                Ok(())
            }
        }
    }

    /// Takes a cell that is not there yet. Returns when it is.
    pub(crate) fn reserve(&mut self, now: Instant) -> Instant {
        let full_at = self.after(1, now);
        self.full_at = Some(full_at);
        full_at.checked_sub(self.burst).unwrap_or(now).max(now)
    }

    /// Gives cells back.
    pub(crate) fn give_back(&mut self, cells: u32) {
        let worth = self.cell.saturating_mul(cells);
        self.full_at = self.full_at.and_then(|full_at| full_at.checked_sub(worth));
    }

    fn after(&self, cells: u32, now: Instant) -> Instant {
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        from + self.cell.saturating_mul(cells).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::{RateLimiter, clock::FakeRelativeClock};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn admits_what_governor_admits(
            rate in 1..2000_u32,
            burst in 1..50_u32,
            steps in prop::collection::vec(0..5_000_000_u64, 1..200),
        ) {
            let quota = Quota::per_second(NonZeroU32::new(rate).unwrap()).allow_burst(NonZeroU32::new(burst).unwrap());
            let clock = FakeRelativeClock::default();
            let theirs = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut ours = Bucket::new(quota);
            let mut now = Instant::now();
            for step in steps {
                let step = Duration::from_nanos(step);
                clock.advance(step);
                now += step;
                prop_assert_eq!(ours.take(1, now).is_ok(), theirs.check().is_ok());
            }
        }

        #[test]
        fn never_admits_more_than_burst_and_rate(
            burst in 1..20_u32,
            steps in prop::collection::vec((0..200_u64, 1..5_u32), 1..200),
        ) {
            let quota = Quota::per_second(NonZeroU32::new(10).unwrap()).allow_burst(NonZeroU32::new(burst).unwrap());
            let (mut bucket, start) = (Bucket::new(quota), Instant::now());
            let (mut now, mut admitted) = (start, 0);
            for (step, cells) in steps {
                now += Duration::from_millis(step);
                if bucket.take(cells, now).is_ok() {
                    admitted += u128::from(cells);
                }
                let most = u128::from(burst) + (now - start).as_millis() * 10 / 1000;
                prop_assert!(admitted <= most, "{admitted} of {most}");
            }
        }
    }

    #[test]
    fn extreme_quotas_still_limit() {
        let burst = |cells| NonZeroU32::new(cells).unwrap();
        let now = Instant::now();
        for (quota, most) in [
            (Quota::with_period(Duration::MAX).unwrap().allow_burst(burst(5)), 5),
            (Quota::with_period(Duration::MAX).unwrap(), 1),
            (Quota::per_second(burst(1_000_000_001)).allow_burst(burst(2)), 2),
            (Quota::per_second(burst(1)).allow_burst(NonZeroU32::MAX), 1000),
        ] {
            let mut bucket = Bucket::new(quota);
            let admitted = (0..1000).filter(|_| bucket.take(1, now).is_ok()).count();
            assert!(admitted <= most && admitted > 0, "{quota:?}: {admitted}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut bucket = Bucket::new(Quota::per_second(NonZeroU32::new(2).unwrap()));
        let now = Instant::now();
        assert!(bucket.take(2, now).is_ok());
        assert!(bucket.take(1, now).is_err());
        bucket.give_back(1);
        assert!(bucket.take(1, now).is_ok());
        assert_eq!(bucket.reserve(now), now + Duration::from_millis(500));
    }
}
