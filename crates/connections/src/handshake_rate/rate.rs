//! How many handshakes each key has made lately, and how many of its plain requests have failed. A layer's clones and
//! services share it.
//!
//! A key's state is one number, the time at which its burst would be whole again (GCRA): charging adds to it, and time
//! passing needs no task. A key whose time has come is like one that was never there, so its entry can be removed.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use portcullis_quota::{Epoch, Key, Meter, Quota, Secret, Table};

use super::share::Shares;

pub(super) const MAX_KEYS: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct Rate {
    meter: Meter,
    table: Table<1>,
    /// A state of its own: handshakes do not lock a client out of plain requests, nor the reverse.
    failures: Table<1>,
    shares: Shares,
    secret: Secret,
    epoch: Epoch,
}

impl Rate {
    pub(super) fn new(quota: Quota) -> Self {
        let meter = Meter::from(quota);
        let [table, failures] = [(); 2].map(|()| Table::new(MAX_KEYS, meter.period()));
        Self { meter, table, failures, shares: Shares::default(), secret: Secret::default(), epoch: Epoch::new() }
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

    /// Charges a handshake that was let in to this node's share of the quota, or says how long to wait for one.
    pub(super) fn take_share(&self, key: Key, nodes: NonZeroUsize, now: Instant) -> Result<(), Duration> {
        let at = self.epoch.units(now);
        let [full_at] = self.table.peek(key);
        // Without this handshake, which `take` has charged to the whole quota a moment ago and which the share is about
        // to charge.
        let used = full_at.saturating_sub(at).saturating_sub(self.meter.cost(1));
        let taken = self.shares.take(key, used, self.meter, nodes, at);
        taken.map_err(|ready| self.epoch.instant(ready, now).saturating_duration_since(now))
    }

    /// How long a key has to wait that has failed too often. Nothing is remembered of one that has not failed.
    pub(super) fn wait(&self, key: Key, now: Instant) -> Option<Duration> {
        let at = self.epoch.units(now);
        let [full_at] = self.failures.peek(key);
        let ready = self.meter.ready(self.meter.after(full_at, 1, at));
        (ready > at).then(|| self.epoch.instant(ready, now).saturating_duration_since(now))
    }

    /// Charges a failure. Of many at once each was let in before the others had failed: they may go below zero, by a
    /// burst at most.
    pub(super) fn fail(&self, key: Key, now: Instant) {
        let at = self.epoch.units(now);
        self.failures.with(key, at, |[full_at]| {
            // Under the shard's lock: the bound holds for failures of several threads together.
            let after = self.meter.after(*full_at, 1, at);
            if self.meter.ready(after) <= at.saturating_add(self.meter.period()) {
                *full_at = after;
            }
        });
    }
}
