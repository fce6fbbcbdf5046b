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

/// What was charged, to whom, and at which quota: of a live connection all may change before it is given back.
pub(crate) struct Charge {
    owner: Owner,
    meters: Meters,
    demand: Demand,
}

/// Its lock orders what a handler charges, a sign-in and a change of the quota. Locks of the table are taken under it,
/// one at a time, and nothing else is.
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

    /// Nothing is due to a time long past, so giving back needs none. A policy gives back what it was charged for in
    /// the same read, under its connection's lock, under which it would be told of a sign-in, too.
    pub(crate) fn give_back(&self, demand: &Demand) {
        self.with_units(0, |meters, cells| meters.give_back(cells, demand));
    }

    /// [`take`](Self::take), for one who gives back at a time when anything may have happened meanwhile.
    pub(crate) fn charge(&self, demand: Demand, now: Instant) -> Result<Charge, Over> {
        let now = self.shared.epoch.units(now);
        let mut state = self.state();
        let State { owner, meters, cells } = &mut *state;
        self.cells(*owner, cells, now, |cells| meters.take(cells, &demand, now))?;
        Ok(Charge { owner: *owner, meters: *meters, demand })
    }

    pub(crate) fn undo(&self, charge: &Charge) {
        let Charge { owner, meters, demand } = charge;
        self.cells(*owner, &mut self.state().cells, 0, |cells| meters.give_back(cells, demand));
    }

    pub(crate) fn with<R>(&self, now: Instant, change: impl FnOnce(&Meters, &mut Cells, u64) -> R) -> R {
        let now = self.shared.epoch.units(now);
        self.with_units(now, |meters, cells| change(meters, cells, now))
    }

    fn with_units<R>(&self, now: u64, change: impl FnOnce(&Meters, &mut Cells) -> R) -> R {
        let mut state = self.state();
        let State { owner, meters, cells } = &mut *state;
        self.cells(*owner, cells, now, |cells| change(meters, cells))
    }

    fn cells<R>(&self, owner: Owner, own: &mut Cells, now: u64, change: impl FnOnce(&mut Cells) -> R) -> R {
        match owner {
            Owner::Own | Owner::Unknown => change(own),
            Owner::Shared(key) => self.shared.table.with(key, now, change),
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
