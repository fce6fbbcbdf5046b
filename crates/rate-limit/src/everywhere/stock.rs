//! What this node has bought of one key's quota.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_core::{
    clock::now,
    shared::{Away, Buyer, Name, Purchase, Rate, ShareQuotas, Sold},
};
use portcullis_quota::{Block, Epoch, Order, Short, Terms, units};

/// What this node has bought of one key's quota, for all of the key's connections.
///
/// It stays for a while when the last of them has ended: what was spent on credit must be paid, and a refusal holds for
/// those who connect again.
pub(crate) struct Stock {
    pub(super) name: Name,
    store: Arc<dyn ShareQuotas>,
    epoch: Epoch,
    state: Mutex<State>,
}

struct State {
    block: Block,
    terms: Terms,
    /// What was bought last, and may be given back.
    rate: Rate,
    connections: usize,
    /// It is among those that are looked at until they are settled.
    leaving: bool,
    /// The store is away, or its answer is late.
    away: Option<Away>,
    /// When the whole burst would be there for all nodes, as the store has said last.
    full_at: u64,
}

/// Why there is nothing to be spent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lack {
    /// There is nothing to be bought before this time.
    Refused(u64),
    /// More is being bought.
    UnderWay,
    /// The store is away. The whole burst would be there at this time, as far as it is known.
    Away(Away, u64),
}

/// What has become of a stock that a connection has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Others use it, or it is among those that are looked at.
    Used,
    /// Another one would be no different.
    Settled,
    /// It owes something, or must not buy yet.
    Unsettled,
}

impl Stock {
    pub(super) fn new(name: Name, store: Arc<dyn ShareQuotas>, epoch: Epoch, terms: Terms, rate: Rate) -> Self {
        let (block, connections, leaving, away, full_at) = (Block::default(), 0, false, None, 0);
        let state = State { block, terms, rate, connections, leaving, away, full_at };
        Self { name, store, epoch, state: Mutex::new(state) }
    }

    /// Spends what was bought, as long as there is plenty.
    #[inline]
    pub(super) fn spend(&self, cells: u64) -> bool {
        let State { block, terms, .. } = &mut *self.state();
        block.spend(cells, terms)
    }

    /// Buys more, if it is time for that.
    pub(super) fn buy(self: &Arc<Self>, cells: u64, now: u64, terms: impl FnOnce() -> (Terms, Rate)) {
        let Some((order, rate)) = self.order(cells, now, terms) else { return };
        let purchase = Purchase { name: self.name, rate, want: order.want, least: order.least };
        // Not under the lock: a store may answer on the spot.
        if let Err(away) = self.store.buy(purchase, self.clone()) {
            self.state().went_away(away, now);
        }
    }

    fn order(&self, cells: u64, now: u64, terms: impl FnOnce() -> (Terms, Rate)) -> Option<(Order, Rate)> {
        let mut state = self.state();
        if !state.block.may_order(now) {
            return None;
        }
        (state.terms, state.rate) = terms();
        let State { block, terms, rate, .. } = &mut *state;
        Some((block.order(cells, now, terms)?, *rate))
    }

    /// Takes what there is, and on credit where that is due.
    pub(super) fn take(&self, cells: u64, at_once: u64, now: u64) -> Result<(), Lack> {
        let mut state = self.state();
        let terms = state.terms.at_least(at_once);
        // There is no credit where it is not known that an answer comes.
        let terms = if state.away.is_some() { Terms { overdraft: 0, ..terms } } else { terms };
        let short = match state.block.take(cells, now, &terms) {
            Ok(()) => return Ok(()),
            Err(short) => short,
        };
        if short == Short::Late && state.away.is_none() {
            state.away = Some(self.store.away());
        }
        Err(match (state.away, short) {
            (Some(away), _) => Lack::Away(away, state.full_at),
            (None, Short::Refused(ready)) => Lack::Refused(ready),
            (None, _) => Lack::UnderWay,
        })
    }

    /// Of what was taken.
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
    pub(super) fn leave(&self, now: u64) -> Left {
        let (left, surplus) = {
            let mut state = self.state();
            state.connections -= 1;
            let surplus = state.surplus();
            (state.left(now), surplus)
        };
        self.sell(surplus);
        left
    }

    /// Looks at one that was left unsettled, and pays what it owes.
    pub(super) fn settle(self: &Arc<Self>, now: u64) -> Left {
        let owes = {
            let mut state = self.state();
            state.leaving = false;
            state.connections == 0 && state.block.owed() > 0
        };
        if owes {
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn went_away(&mut self, away: Away, now: u64) {
        self.away = Some(away);
        self.block.refused(now.saturating_add(self.terms.patience.max(1)));
    }

    /// What nobody will spend.
    fn surplus(&mut self) -> (u64, Rate) {
        (if self.connections == 0 { self.block.empty() } else { 0 }, self.rate)
    }

    fn left(&mut self, now: u64) -> Left {
        if self.connections > 0 || self.leaving {
            return Left::Used;
        }
        self.leaving = !self.block.is_new(now);
        if self.leaving { Left::Unsettled } else { Left::Settled }
    }
}

impl Buyer for Stock {
    fn answered(&self, sold: Result<Sold, Away>) {
        let now = self.epoch.units(now());
        let surplus = {
            let mut state = self.state();
            match sold {
                Ok(sold) => {
                    (state.away, state.full_at) = (None, now.saturating_add(units(sold.full_in)));
                    match sold.cells {
                        0 => state.block.refused(now.saturating_add(units(sold.retry_after))),
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
