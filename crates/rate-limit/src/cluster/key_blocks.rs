//! The blocks of all keys that have connections on this node.

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
    block_handle::BlockHandle,
    key_block::{KeyBlock, Retention},
    share::Shares,
};
use crate::cells::Over;

/// How many unsettled blocks are looked at whenever a connection joins.
const LOOK: usize = 4;

/// By default, a block is at least this part of a burst.
const PART: u64 = 8;

/// How a layer shares its quota.
#[derive(Clone)]
pub(crate) struct Sharing {
    pub(crate) store: Arc<dyn ShareQuotas>,
    /// Messages of a block.
    pub(crate) block: Option<u64>,
}

/// The blocks of all keys that have connections on this node, up to a maximum. A key beyond that gets this node's share
/// of its quota, as if the store were away.
pub(crate) struct KeyBlocks {
    sharing: Sharing,
    epoch: Epoch,
    most: usize,
    shares: Shares,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    blocks: HashMap<Name, Arc<KeyBlock>>,
    /// Those without connections.
    unsettled: VecDeque<Arc<KeyBlock>>,
}

impl KeyBlocks {
    pub(crate) fn new(sharing: Sharing, epoch: Epoch, most: usize) -> Self {
        Self { sharing, epoch, most, shares: Shares::new(most), live: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &dyn ShareQuotas {
        self.sharing.store.as_ref()
    }

    /// Returns a handle to the block of a key, for a connection.
    pub(crate) fn join(self: &Arc<Self>, name: Name, meter: Meter) -> BlockHandle {
        let now = self.epoch.units(now());
        let mut live = self.live();
        // No task sweeps these: each connection that joins looks at a few of those that were left behind, so they go as
        // fast as new ones can come.
        live.settle(now);
        let block = match live.blocks.get(&name) {
            Some(block) => Some(block.clone()),
            None if live.blocks.len() < self.most => {
                let (terms, rate) = self.terms(meter);
                let block = Arc::new(KeyBlock::new(name, self.sharing.store.clone(), self.epoch, terms, rate));
                live.blocks.insert(name, block.clone());
                Some(block)
            }
            None => None,
        };
        if let Some(block) = &block {
            // Under the map's lock. A connection that leaves counts itself out under it, too, so a block cannot be
            // found unused and removed between the lookup and this line.
            block.join();
        }
        BlockHandle::new(self.clone(), block)
    }

    /// A connection has ended.
    pub(super) fn leave(&self, block: &Arc<KeyBlock>) {
        let now = self.epoch.units(now());
        let mut live = self.live();
        // Locks the block under the map's lock, and asks the store to take cells back. That only queues a command, and
        // takes no lock of ours.
        let left = block.leave(now);
        live.keep(block.clone(), left);
    }

    /// How the messages of a quota are bought: at least what comes in two round trips that take as long as is waited
    /// for, else a client within its rate finds nothing while an answer is under way.
    pub(crate) fn terms(&self, meter: Meter) -> (Terms, Rate) {
        let (burst, patience) = (meter.burst().max(1), units(self.store().patience()));
        let nodes = u64::try_from(self.store().nodes()).unwrap_or(u64::MAX).max(1);
        // Never more than one node's part of a burst: if each of them bought more, the first few would leave nothing
        // for the others.
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
        self.live().blocks.len()
    }
}

impl Live {
    fn settle(&mut self, now: u64) {
        for _ in 0..LOOK.min(self.unsettled.len()) {
            let Some(block) = self.unsettled.pop_front() else { return };
            let left = block.settle(now);
            self.keep(block, left);
        }
    }

    fn keep(&mut self, block: Arc<KeyBlock>, left: Retention) {
        match left {
            Retention::InUse => {}
            Retention::Settled => _ = self.blocks.remove(&block.name),
            Retention::Unsettled => self.unsettled.push_back(block),
        }
    }
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").field("block", &self.block).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBlocks").field("sharing", &self.sharing).finish_non_exhaustive()
    }
}
