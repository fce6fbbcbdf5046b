//! What one node may use of a quota, while it cannot ask the others.
//!
//! Each node may use the quota divided by the number of nodes. A share begins as full as the whole quota was when the
//! store went away; otherwise every outage would be one more burst on each node.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, OnceLock, PoisonError},
};

use portcullis_quota::{Key, Meter, Table};

/// What each key has used of this node's share. Nothing is kept until it is needed.
#[derive(Default)]
pub(super) struct Shares {
    table: OnceLock<Table<1>>,
    outage: Mutex<Outage>,
}

/// When the store went away, and when it was last seen to be.
///
/// Under a lock, because one decides about the other: a handshake that found a new `last` and an old `began` would take
/// what the key had left of the last outage's share, and so get a burst for which it has paid nothing.
#[derive(Default)]
struct Outage {
    began: u64,
    last: u64,
}

impl Shares {
    /// Charges a handshake of a key that has used so much of the whole quota, or says when one would be there. What was
    /// used before the store went away counts: a share is no second burst.
    pub(super) fn take(&self, key: Key, used: u64, whole: Meter, nodes: NonZeroUsize, at: u64) -> Result<(), u64> {
        let share = whole.share(nodes);
        let began = self.began(at, share.period());
        let table = self.table.get_or_init(|| Table::new(super::rate::MAX_KEYS, share.period()));
        table.with(key, at, |[full_at]| {
            if *full_at < began {
                *full_at = at.saturating_add(used);
            }
            share.take(full_at, 1, at)
        })
    }

    /// When the store went away. One that was not seen to be away for a whole period was back.
    fn began(&self, at: u64, period: u64) -> u64 {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_sub(outage.last) > period || outage.last == 0 {
            outage.began = at;
        }
        outage.last = at;
        outage.began
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_quota::{Epoch, Quota};

    use super::*;

    #[test]
    fn a_share_begins_with_what_was_used_and_goes_on_at_its_own_rate() {
        let whole = Meter::from(Quota::per_second(10.try_into().unwrap()));
        let nodes = NonZeroUsize::new(2).unwrap();
        let (epoch, start) = (Epoch::new(), std::time::Instant::now());
        let at = |millis| epoch.units(start + Duration::from_millis(millis));
        let admitted = |shares: &Shares, used, from: u64, to: u64| {
            (from..to).filter(|millis| shares.take(Key::ONE, used, whole, nodes, at(*millis)).is_ok()).count()
        };
        for (used, at_first) in [(0, 5), (whole.cost(4), 3), (whole.cost(10), 0)] {
            let shares = Shares::default();
            assert_eq!(admitted(&shares, used, 0, 1), usize::from(at_first > 0));
            let rest = (0..20).filter(|_| shares.take(Key::ONE, used, whole, nodes, at(0)).is_ok()).count();
            assert_eq!(rest, usize::saturating_sub(at_first, 1), "{used}");
            // However much is asked for, the share is admitted: five a second, once what was used is there again.
            let later = admitted(&shares, whole.cost(10), 2000, 12_000);
            assert!((45..=50).contains(&later), "{later}");
        }
    }
}
