//! The stocks of all keys that have connections on this node.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use portcullis_core::{
    clock::now,
    shared::{Away, Name, Rate, ShareQuotas},
};
use portcullis_quota::{Epoch, Key, Meter, Terms, units};

use super::{
    holding::Holding,
    share::Shares,
    stock::{Left, Stock},
};
use crate::cells::Over;

/// Those that were left unsettled, and are looked at in passing.
const LOOK: usize = 4;

/// By default a block is so much of a burst, at least.
const PART: u64 = 8;

/// What a layer was told about sharing.
#[derive(Clone)]
pub(crate) struct Sharing {
    pub(crate) store: Arc<dyn ShareQuotas>,
    /// Messages of a block.
    pub(crate) block: Option<u64>,
}

/// The stocks of all keys that have connections on this node, of which there may be so many. A key that finds no room
/// has this node's share of its quota.
pub(crate) struct Stocks {
    sharing: Sharing,
    epoch: Epoch,
    most: usize,
    shares: Shares,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    stocks: HashMap<Name, Arc<Stock>>,
    /// Those without connections.
    unsettled: VecDeque<Arc<Stock>>,
}

impl Stocks {
    pub(crate) fn new(sharing: Sharing, epoch: Epoch, most: usize) -> Self {
        Self { sharing, epoch, most, shares: Shares::new(most), live: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &dyn ShareQuotas {
        self.sharing.store.as_ref()
    }

    /// A connection's part in the stock of its key.
    pub(crate) fn join(self: &Arc<Self>, name: Name, meter: Meter) -> Holding {
        let now = self.epoch.units(now());
        let mut live = self.live();
        live.settle(now);
        let stock = match live.stocks.get(&name) {
            Some(stock) => Some(stock.clone()),
            None if live.stocks.len() < self.most => {
                let (terms, rate) = self.terms(meter);
                let stock = Arc::new(Stock::new(name, self.sharing.store.clone(), self.epoch, terms, rate));
                live.stocks.insert(name, stock.clone());
                Some(stock)
            }
            None => None,
        };
        if let Some(stock) = &stock {
            stock.join();
        }
        Holding::new(self.clone(), stock)
    }

    /// A connection has ended.
    pub(super) fn leave(&self, stock: &Arc<Stock>) {
        let now = self.epoch.units(now());
        let mut live = self.live();
        let left = stock.leave(now);
        live.keep(stock.clone(), left);
    }

    /// How the messages of a quota are bought: at least what comes in two round trips that take as long as is waited
    /// for, else a client within its rate finds nothing while an answer is under way.
    pub(crate) fn terms(&self, meter: Meter) -> (Terms, Rate) {
        let (burst, patience) = (meter.burst().max(1), units(self.store().patience()));
        let nodes = u64::try_from(self.store().nodes()).unwrap_or(u64::MAX).max(1);
        let usual = || meter.within(2 * patience).max(burst / PART).min(burst / nodes);
        let block = self.sharing.block.unwrap_or_else(usual).clamp(1, burst);
        let rate = Rate { interval: meter.interval(), burst: u32::try_from(burst).unwrap_or(u32::MAX) };
        (Terms { block, overdraft: block, patience }, rate)
    }

    pub(super) fn share(
        &self,
        away: Away,
        key: Key,
        whole: Meter,
        cells: u64,
        used: u64,
        now: u64,
    ) -> Result<(), Over> {
        self.shares.take(away, key, whole, cells, used, now)
    }

    pub(super) fn left_of_share(&self, away: Away, key: Key, whole: Meter, now: u64) -> u64 {
        self.shares.left(away, key, whole, now)
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.live().stocks.len()
    }
}

impl Live {
    fn settle(&mut self, now: u64) {
        for _ in 0..LOOK.min(self.unsettled.len()) {
            let Some(stock) = self.unsettled.pop_front() else { return };
            let left = stock.settle(now);
            self.keep(stock, left);
        }
    }

    fn keep(&mut self, stock: Arc<Stock>, left: Left) {
        match left {
            Left::Used => {}
            Left::Settled => _ = self.stocks.remove(&stock.name),
            Left::Unsettled => self.unsettled.push_back(stock),
        }
    }
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").field("block", &self.block).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stocks").field("sharing", &self.sharing).finish_non_exhaustive()
    }
}
