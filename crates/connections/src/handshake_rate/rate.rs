//! How many handshakes each key has made lately. A layer's clones and services share it.

use std::time::{Duration, Instant};

use portcullis_quota::{Epoch, Key, Meter, Quota, Secret, Table};

const MOST_KEYS: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct Rate {
    meter: Meter,
    table: Table<1>,
    secret: Secret,
    epoch: Epoch,
}

impl Rate {
    pub(super) fn new(quota: Quota) -> Self {
        let meter = Meter::from(quota);
        let (table, secret) = (Table::new(MOST_KEYS, meter.period()), Secret::default());
        Self { meter, table, secret, epoch: Epoch::new() }
    }

    /// What keys are made with, so that no client can choose whose place it takes.
    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Charges a handshake, or says how long to wait for one.
    pub(super) fn take(&self, key: Key, now: Instant) -> Result<(), Duration> {
        let at = self.epoch.units(now);
        let taken = self.table.with(key, at, |[full_at]| self.meter.take(full_at, 1, at));
        taken.map_err(|ready| self.epoch.instant(ready, now).saturating_duration_since(now))
    }
}
