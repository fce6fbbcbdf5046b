//! What one connection may still send: its own, or its part of what it shares.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use portcullis_core::identity::Subject;

use crate::{
    cells::{Cells, Demand, Meters, Over},
    excess::Enforcement,
    key::Owner,
    shared::Shared,
};

pub(crate) struct Account {
    shared: Arc<Shared>,
    state: Mutex<State>,
    violations: AtomicU64,
}

struct State {
    owner: Owner,
    /// A connection's quota may be changed while it lives.
    meters: Meters,
    cells: Cells,
}

impl Account {
    pub(crate) fn new(shared: Arc<Shared>, owner: Owner) -> Self {
        let state = State { owner, meters: shared.meters, cells: Cells::default() };
        Self { shared, state: Mutex::new(state), violations: AtomicU64::new(0) }
    }

    /// Takes all, or says what there is not enough of.
    pub(crate) fn take(&self, demand: &Demand, now: Instant) -> Result<(), Over> {
        self.with(now, |meters, cells, now| meters.take(cells, demand, now))
    }

    pub(crate) fn reserve(&self, demand: &Demand, now: Instant) -> Instant {
        let ready = self.with(now, |meters, cells, now| meters.reserve(cells, demand, now));
        self.instant(ready, now)
    }

    /// When something is ready, as the clock has it.
    pub(crate) fn instant(&self, ready: u64, now: Instant) -> Instant {
        self.shared.epoch.instant(ready, now)
    }

    pub(crate) fn enforcement(&self) -> &Enforcement {
        &self.shared.enforcement
    }

    /// Nothing is due to a time long past, so giving back needs none.
    pub(crate) fn give_back(&self, demand: &Demand) {
        let mut state = self.state();
        let State { owner, meters, cells } = &mut *state;
        match owner {
            Owner::Own | Owner::Unknown => meters.give_back(cells, demand),
            Owner::Shared(key) => self.shared.table.with(*key, 0, |cells| meters.give_back(cells, demand)),
        }
    }

    pub(crate) fn with<R>(&self, now: Instant, change: impl FnOnce(&Meters, &mut Cells, u64) -> R) -> R {
        let now = self.shared.epoch.units(now);
        let mut state = self.state();
        let State { owner, meters, cells } = &mut *state;
        match owner {
            Owner::Own | Owner::Unknown => change(meters, cells, now),
            Owner::Shared(key) => self.shared.table.with(*key, now, |cells| change(meters, cells, now)),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.state().owner == Owner::Unknown
    }

    /// From now on its subject's quota counts, if the layer counts by subject.
    pub(crate) fn authenticated(&self, subject: &Subject) {
        if let Some(owner) = self.shared.owner_of(subject) {
            self.state().owner = owner;
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Meters)) {
        change(&mut self.state().meters);
    }

    pub(crate) fn violated(&self) {
        self.violations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
