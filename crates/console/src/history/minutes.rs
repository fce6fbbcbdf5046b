//! Counts per minute.

/// How many minutes are kept.
pub(crate) const MINUTES: usize = 60;

/// Counts of the last hour, per minute.
#[derive(Debug, Clone)]
pub(crate) struct Minutes {
    counts: [u32; MINUTES],
    /// The last minute with a count.
    last: u64,
}

impl Default for Minutes {
    fn default() -> Self {
        Self { counts: [0; MINUTES], last: 0 }
    }
}

impl Minutes {
    /// Adds `times` to the count of `minute`.
    pub(crate) fn add(&mut self, minute: u64, times: u64) {
        let count = self.at(minute);
        *count = count.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
    }

    /// Raises the value of `minute` to `to`, if it is lower.
    pub(crate) fn raise(&mut self, minute: u64, to: usize) {
        let count = self.at(minute);
        *count = (*count).max(u32::try_from(to).unwrap_or(u32::MAX));
    }

    /// The counts up to `minute`, oldest first.
    pub(crate) fn up_to(&self, minute: u64) -> Vec<u32> {
        let of = |minute: u64| if minute > self.last { 0 } else { self.counts[place(minute)] };
        let first = minute.saturating_sub(MINUTES as u64 - 1);
        let oldest = self.last.saturating_sub(MINUTES as u64 - 1);
        let missing = MINUTES as u64 - (minute + 1 - first);
        let none = std::iter::repeat_n(0, usize::try_from(missing).unwrap_or(0));
        none.chain((first..=minute).map(|minute| if minute < oldest { 0 } else { of(minute) })).collect()
    }

    fn at(&mut self, minute: u64) -> &mut u32 {
        // Counts that are over an hour old are cleared.
        let gone = minute.saturating_sub(self.last).min(MINUTES as u64);
        for passed in 0..gone {
            self.counts[place(minute - passed)] = 0;
        }
        self.last = self.last.max(minute);
        &mut self.counts[place(minute)]
    }
}

fn place(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_hour_is_kept() {
        let mut minutes = Minutes::default();
        for (minute, times) in [(0, 1), (1, 2), (59, 3), (61, 4)] {
            minutes.add(minute, times);
        }
        let counts = minutes.up_to(61);
        assert_eq!(counts.len(), MINUTES);
        assert_eq!((counts[0], counts[57], counts[59]), (0, 3, 4), "the second minute is more than an hour old");
        assert_eq!(counts.iter().sum::<u32>(), 7);
        assert_eq!(minutes.up_to(1000).iter().sum::<u32>(), 0);
        minutes.add(1000, 5);
        assert_eq!(minutes.up_to(1000).iter().sum::<u32>(), 5);
    }

    #[test]
    fn minutes_before_the_first_are_zero() {
        let mut minutes = Minutes::default();
        minutes.raise(0, 7);
        minutes.raise(0, 5);
        minutes.raise(2, 9);
        let counts = minutes.up_to(2);
        assert_eq!((counts.len(), &counts[57..]), (MINUTES, &[7, 0, 9][..]));
    }
}
