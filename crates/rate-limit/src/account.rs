//! What one connection may still send: its own, or its part of what it shares.
//!
//! Frames are judged under the connection's lock, while its handler may charge from any task. Both go through the
//! account, whose own lock orders them; a quota that several connections share is in the table of the layer.
//!
//! A charge has one of three places. A connection's own state is in the account itself. A shared one is in the table of
//! the layer, by a key that is a hash. One that several nodes share is in the table as well, and besides must be paid
//! for from a block that this node has bought. The owner may change once, when the peer signs in; what it has used
//! until then stays where it was charged.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use portcullis_core::identity::Subject;

use crate::{
    cells::{Cells, Demand, Kind, Meters, Over},
    cluster::Need,
    excess::Enforcement,
    shared::{Owner, Shared},
};

pub(crate) struct Account {
    shared: Arc<Shared>,
    state: Mutex<State>,
    violations: AtomicU64,
}

struct State {
    owner: Owner,
    /// A connection's quota may be changed while it lives. Few are.
    meters: Option<Box<Meters>>,
}

/// What was charged, to which owner, and at which quota: of a live connection all may change before it is given back.
pub(crate) struct Charge {
    owner: Owner,
    meters: Meters,
    demand: Demand,
}

/// Its lock orders what a handler charges, a sign-in and a change of the quota. Locks of the table are taken under it,
/// one at a time, and nothing else is.
impl Account {
    pub(crate) fn new(shared: Arc<Shared>, owner: Owner) -> Self {
        Self { shared, state: Mutex::new(State { owner, meters: None }), violations: AtomicU64::new(0) }
    }

    /// Takes all, or says what there is not enough of.
    pub(crate) fn take(&self, demand: &Demand, now: Instant) -> Result<(), Over> {
        let now = self.shared.epoch.units(now);
        let State { owner, meters } = &mut *self.state();
        self.take_of(owner, self.meters(meters.as_deref()), &Need { demand, at_once: 1 }, now)
    }

    #[inline]
    fn take_of(&self, owner: &mut Owner, meters: &Meters, need: &Need<'_>, now: u64) -> Result<(), Over> {
        match owner {
            Owner::Own(cells) | Owner::Unknown(cells) => meters.take(cells, need.demand, now),
            Owner::Shared(key) => self.shared.table.with(*key, now, |cells| meters.take(cells, need.demand, now)),
            Owner::Cluster(key, handle) => {
                // The shard of the table stays locked while the block is asked: what this node counts and what it has
                // bought must be taken together, or neither. The order is account, shard, block.
                self.shared.table.with(*key, now, |cells| handle.take(meters, cells, need, key, now))
            }
        }
    }

    /// What is taken ahead of its time, where that can be: what several nodes share cannot.
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

    /// Whether nothing can be taken ahead of its time.
    pub(crate) fn is_cluster_wide(&self) -> bool {
        matches!(self.state().owner, Owner::Cluster(..))
    }

    /// Nothing is due to a time long past, so giving back needs none. A policy gives back what it was charged for in
    /// the same read, under its connection's lock, under which it would be notified of a sign-in, too.
    pub(crate) fn give_back(&self, demand: &Demand) {
        let State { owner, meters } = &mut *self.state();
        self.give_back_of(owner, self.meters(meters.as_deref()), demand);
    }

    fn give_back_of(&self, owner: &mut Owner, meters: &Meters, demand: &Demand) {
        // To the owner that the caller names, and not to the current one: a sign-in between the charge and this call
        // has moved the connection to another quota, which never paid.
        self.cells(owner, 0, |cells| meters.give_back(cells, demand));
        if let Owner::Cluster(_, handle) = owner {
            handle.give_back(demand[Kind::Messages]);
        }
    }

    /// How many messages could be sent now; `None` if nothing limits them.
    pub(crate) fn remaining(&self, now: Instant) -> Option<u64> {
        let now = self.shared.epoch.units(now);
        let State { owner, meters } = &mut *self.state();
        let meter = self.meters(meters.as_deref()).0[Kind::Messages]?;
        // Read under the shard's lock, and stale as soon as that is released where others share the quota. It is a
        // number for a page or a hint for a client; only `take` decides.
        let here = self.cells(owner, now, |cells| meter.remaining(cells[Kind::Messages], now));
        Some(match owner {
            Owner::Cluster(key, handle) => here.min(handle.left(meter, *key, now)),
            _ => here,
        })
    }

    /// When `messages` could be sent; `None` if that is never.
    pub(crate) fn ready(&self, messages: u64, now: Instant) -> Option<Instant> {
        let at = self.shared.epoch.units(now);
        let State { owner, meters } = &mut *self.state();
        let Some(meter) = self.meters(meters.as_deref()).0[Kind::Messages] else { return Some(now) };
        if meter.exceeds_burst(messages) {
            return None;
        }
        let here = self.cells(owner, at, |cells| meter.ready(meter.after(cells[Kind::Messages], messages, at)));
        let ready = match owner {
            Owner::Cluster(key, handle) => here.max(handle.ready(meter, *key, messages, at)),
            _ => here,
        };
        Some(self.instant(ready, now))
    }

    /// [`take`](Self::take), for one who gives back at a time when anything may have happened meanwhile.
    pub(crate) fn charge(&self, demand: Demand, now: Instant) -> Result<Charge, Over> {
        let now = self.shared.epoch.units(now);
        let mut state = self.state();
        let State { owner, meters } = &mut *state;
        let meters = self.meters(meters.as_deref());
        self.take_of(owner, meters, &Need { demand: &demand, at_once: demand[Kind::Messages] }, now)?;
        // Copies, since the handler keeps the charge while the connection goes on: by the time of `undo`, a sign-in may
        // have changed the owner, and `set_quota` what a message costs.
        Ok(Charge { owner: owner.clone(), meters: *meters, demand })
    }

    pub(crate) fn undo(&self, charge: &Charge) {
        let Charge { owner, meters, demand } = charge;
        let mut state = self.state();
        match (owner, &mut state.owner) {
            (Owner::Own(_) | Owner::Unknown(_), own @ (Owner::Own(_) | Owner::Unknown(_))) => {
                self.give_back_of(own, meters, demand);
            }
            // Its own quota was charged, and does not count any more.
            (Owner::Own(_) | Owner::Unknown(_), _) => {}
            (shared, _) => self.give_back_of(&mut shared.clone(), meters, demand),
        }
    }

    pub(crate) fn with<R>(&self, now: Instant, change: impl FnOnce(&Meters, &mut Cells, u64) -> R) -> R {
        let now = self.shared.epoch.units(now);
        self.with_units(now, |meters, cells| change(meters, cells, now))
    }

    fn with_units<R>(&self, now: u64, change: impl FnOnce(&Meters, &mut Cells) -> R) -> R {
        let mut state = self.state();
        let State { owner, meters } = &mut *state;
        let meters = self.meters(meters.as_deref());
        self.cells(owner, now, |cells| change(meters, cells))
    }

    fn cells<R>(&self, owner: &mut Owner, now: u64, change: impl FnOnce(&mut Cells) -> R) -> R {
        match owner {
            Owner::Own(cells) | Owner::Unknown(cells) => change(cells),
            Owner::Shared(key) | Owner::Cluster(key, _) => self.shared.table.with(*key, now, change),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.state().owner, Owner::Unknown(_))
    }

    /// From now on its subject's quota counts, if the layer counts by subject.
    pub(crate) fn authenticated(&self, subject: &Subject) {
        if let Some(owner) = self.shared.owner_of(subject) {
            // Replaced in one step under the account's lock: a charge by the handler counts against the old owner or
            // the new one, never against neither. The guard is a temporary, and is gone before the old owner is
            // dropped: that may be the last handle to a block, and gives back to a store.
            let before = std::mem::replace(&mut self.state().owner, owner);
            drop(before);
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Meters)) {
        change(self.state().meters.get_or_insert_with(|| Box::new(self.shared.meters)));
    }

    /// What counts: what was set for this connection, or for all.
    fn meters<'a>(&'a self, own: Option<&'a Meters>) -> &'a Meters {
        own.unwrap_or(&self.shared.meters)
    }

    pub(crate) fn violated(&self) {
        // A counter that nothing else is published through. The policy and the handler count from different threads,
        // and a reader may see a value that is one behind.
        self.violations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change to the state is an assignment, so a panic of another thread leaves it whole: see `lock` in the
        // core.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
