//! What this node has bought of one key's quota.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_core::{
    clock::now,
    shared::{Away, Buyer, Grant, Name, Purchase, Rate, ShareQuotas},
};
use portcullis_quota::{Block, BlockPurchase, Epoch, Shortage, Terms, units};

/// What this node has bought of one key's quota, for all of the key's connections.
///
/// It stays for a while when the last of them has ended: what was spent on credit must be paid, and a refusal holds for
/// those who connect again.
pub(crate) struct KeyBlock {
    pub(super) name: Name,
    store: Arc<dyn ShareQuotas>,
    epoch: Epoch,
    /// The cells beyond half a block, which are spent without the lock. Locking the state moves them back into the
    /// block, and leaves none here meanwhile.
    plenty: AtomicU64,
    state: Mutex<State>,
}

/// The state, locked, with all cells in its block.
struct Locked<'a> {
    plenty: &'a AtomicU64,
    state: MutexGuard<'a, State>,
}

struct State {
    block: Block,
    terms: Terms,
    /// What was bought last, and may be given back.
    rate: Rate,
    connections: usize,
    /// It is in the queue of unsettled blocks.
    leaving: bool,
    /// The store is away, or its answer is late.
    away: Option<Away>,
    /// When the whole burst would be there for all nodes, as the store has said last.
    full_at: u64,
}

/// Why cells cannot be taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum TakeError {
    /// The store sells nothing before this time.
    Refused(u64),
    /// A purchase is under way.
    UnderWay,
    /// The store is away. The whole burst would be there at this time, as far as it is known.
    Away(Away, u64),
}

/// Whether a block must be kept after a connection has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retention {
    /// Other connections use it, or it is in the queue of unsettled blocks.
    InUse,
    /// It can be dropped: a new block would be in the same state.
    Settled,
    /// It has an overdraft to pay, or must not buy yet.
    Unsettled,
}

impl KeyBlock {
    pub(super) fn new(name: Name, store: Arc<dyn ShareQuotas>, epoch: Epoch, terms: Terms, rate: Rate) -> Self {
        let (block, connections, leaving, away, full_at) = (Block::default(), 0, false, None, 0);
        let state = State { block, terms, rate, connections, leaving, away, full_at };
        Self { name, store, epoch, plenty: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Spends what was bought, as long as there is plenty. Most messages come no further: this is one atomic operation,
    /// where the lock would be two and a look at its poison.
    #[inline]
    pub(super) fn spend(&self, cells: u64) -> bool {
        // `Relaxed`: a cell is worth the same to every thread that spends it, and no other memory is read on the
        // strength of it. A thread that locks meanwhile swaps the word for zero; then this finds too little, and waits
        // for the lock like anyone else.
        let spent = self.plenty.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |plenty| plenty.checked_sub(cells));
        spent.is_ok()
    }

    /// Begins a purchase, if it is time for one.
    pub(super) fn buy(self: &Arc<Self>, cells: u64, now: u64, terms: impl FnOnce() -> (Terms, Rate)) {
        let Some((block, rate)) = self.begin_purchase(cells, now, terms) else { return };
        let purchase = Purchase { name: self.name, rate, want: block.want, least: block.least };
        // Not under the lock: a store may answer inside of this call, and the answer locks the state.
        if let Err(away) = self.store.buy(purchase, self.clone()) {
            self.state().went_away(away, now);
        }
    }

    fn begin_purchase(
        &self,
        cells: u64,
        now: u64,
        terms: impl FnOnce() -> (Terms, Rate),
    ) -> Option<(BlockPurchase, Rate)> {
        let mut state = self.state();
        // Decided under the lock that `begin_purchase` marks the purchase under: of all connections of the key that
        // find too little, one asks the store.
        if !state.block.may_purchase(now) {
            return None;
        }
        (state.terms, state.rate) = terms();
        let State { block, terms, rate, .. } = &mut *state;
        Some((block.begin_purchase(cells, now, terms)?, *rate))
    }

    /// Takes cells that are there, or on credit while a purchase is under way.
    pub(super) fn take(&self, cells: u64, at_once: u64, now: u64) -> Result<(), TakeError> {
        let mut state = self.state();
        let terms = state.terms.at_least(at_once);
        // No credit while the store is away: it is not known whether an answer will come.
        let terms = if state.away.is_some() { Terms { overdraft: 0, ..terms } } else { terms };
        let short = match state.block.take(cells, now, &terms) {
            Ok(()) => return Ok(()),
            Err(short) => short,
        };
        if short == Shortage::Late && state.away.is_none() {
            // The answer is late, which is noticed here, by the next to take: there is no timer for it. It still counts
            // when it comes.
            state.away = Some(self.store.away());
        }
        Err(match (state.away, short) {
            (Some(away), _) => TakeError::Away(away, state.full_at),
            (None, Shortage::Refused(ready)) => TakeError::Refused(ready),
            (None, _) => TakeError::UnderWay,
        })
    }

    /// Gives back cells that were taken and not used.
    pub(super) fn give_back(&self, cells: u64) {
        let State { block, terms, .. } = &mut *self.state();
        block.give_back(cells, terms);
    }

    /// How much could be taken now, and when more could be bought.
    pub(super) fn left(&self, now: u64) -> (u64, u64, Option<Away>) {
        let state = self.state();
        let terms = if state.away.is_some() { Terms { overdraft: 0, ..state.terms } } else { state.terms };
        (state.block.left(now, &terms), state.block.retry(), state.away)
    }

    pub(super) fn join(&self) {
        self.state().connections += 1;
    }

    /// A connection has ended. What is in hand after the last one is given back.
    pub(super) fn leave(&self, now: u64) -> Retention {
        let (left, surplus) = {
            let mut state = self.state();
            state.connections -= 1;
            // Emptied under the lock, in which the last connection is counted out; sold without it, since a store may
            // call this block back from inside.
            let surplus = state.surplus();
            (state.left(now), surplus)
        };
        self.sell(surplus);
        left
    }

    /// Looks at an unsettled block again, and begins a purchase that pays its overdraft.
    pub(super) fn settle(self: &Arc<Self>, now: u64) -> Retention {
        let in_debt = {
            let mut state = self.state();
            // Taken out of the queue by the caller, which holds the map's lock. `left` puts it back if there is still
            // something to pay.
            state.leaving = false;
            state.connections == 0 && state.block.owed() > 0
        };
        if in_debt {
            let terms = {
                let state = self.state();
                (state.terms, state.rate)
            };
            self.buy(0, now, || terms);
        }
        self.state().left(now)
    }

    fn sell(&self, (cells, rate): (u64, Rate)) {
        if cells > 0 {
            self.store.give_back(self.name, rate, cells);
        }
    }

    fn state(&self) -> Locked<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The lock orders this with what the last one who had it left here.
        state.block.put_back(self.plenty.swap(0, Ordering::Relaxed));
        Locked { plenty: &self.plenty, state }
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let State { block, terms, .. } = &mut *self.state;
        // Before the mutex is unlocked, as the fields drop after this. So the next to lock finds in the word what was
        // put there, less what was spent without the lock: nothing is counted twice.
        self.plenty.store(block.set_aside(terms), Ordering::Relaxed);
    }
}

impl State {
    fn went_away(&mut self, away: Away, now: u64) {
        self.away = Some(away);
        self.block.refused(now.saturating_add(self.terms.patience.max(1)));
    }

    /// What is in hand once no connection is left to spend it.
    fn surplus(&mut self) -> (u64, Rate) {
        (if self.connections == 0 { self.block.empty() } else { 0 }, self.rate)
    }

    fn left(&mut self, now: u64) -> Retention {
        if self.connections > 0 || self.leaving {
            return Retention::InUse;
        }
        self.leaving = !self.block.is_new(now);
        if self.leaving { Retention::Unsettled } else { Retention::Settled }
    }
}

impl Buyer for KeyBlock {
    fn answered(&self, grant: Result<Grant, Away>) {
        let now = self.epoch.units(now());
        let surplus = {
            let mut state = self.state();
            // The same lock as `take`: a message finds the state before the answer, and asks again, or the state after
            // it.
            match grant {
                Ok(grant) => {
                    (state.away, state.full_at) = (None, now.saturating_add(units(grant.full_in)));
                    match grant.cells {
                        0 => state.block.refused(now.saturating_add(units(grant.retry_after))),
                        cells => state.block.bought(cells),
                    }
                }
                Err(away) => state.went_away(away, now),
            }
            state.surplus()
        };
        self.sell(surplus);
    }
}
