//! A connection's handle to the block that was bought for its key.

use std::{fmt, sync::Arc};

use portcullis_core::shared::Away;
use portcullis_quota::{Key, Meter};

use super::{
    key_block::{KeyBlock, TakeError},
    key_blocks::KeyBlocks,
};
use crate::cells::{Cause, Cells, Demand, Kind, Meters, Over};

/// How often at most a message is judged again while a purchase is under way.
const ASKS: u64 = 8;

/// A connection's handle to the block of its key. When the last handle is dropped, what is left of the block is given
/// back to the store.
pub(crate) struct BlockHandle {
    blocks: Arc<KeyBlocks>,
    /// `None` if there was no room for another block.
    block: Option<Arc<KeyBlock>>,
}

/// The cells that a batch or a frame takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need<'a> {
    pub(crate) demand: &'a Demand,
    /// How many messages must be available at once. If a batch cannot be taken as a whole, it is taken frame by frame.
    pub(crate) at_once: u64,
}

impl BlockHandle {
    pub(super) fn new(blocks: Arc<KeyBlocks>, block: Option<Arc<KeyBlock>>) -> Self {
        Self { blocks, block }
    }

    /// Takes all that is requested, or nothing: from what this node counts itself, and from what it has bought.
    #[inline]
    pub(crate) fn take(
        &self,
        meters: &Meters,
        cells: &mut Cells,
        need: &Need<'_>,
        key: &Key,
        now: u64,
    ) -> Result<(), Over> {
        let (after, over) = meters.ask(cells, need.demand, now);
        if let Some(over) = over {
            return Err(over);
        }
        let messages = need.demand[Kind::Messages];
        // This node's count decides first and refuses without the store. Only what it would admit has to be paid for.
        // The bytes and frames of `after` are written below, once the messages are paid: a purchase that is pending
        // must charge nothing here.
        if messages > 0 && !self.block.as_ref().is_some_and(|block| block.spend(messages)) {
            self.take_rest(meters, cells[Kind::Messages], need, key, now)?;
        }
        *cells = after;
        Ok(())
    }

    /// Less than half of the block is left: begins a purchase, and takes what there is.
    #[cold]
    fn take_rest(&self, meters: &Meters, used: u64, need: &Need<'_>, key: &Key, now: u64) -> Result<(), Over> {
        let (Some(meter), messages) = (meters.0[Kind::Messages], need.demand[Kind::Messages]) else { return Ok(()) };
        let Some(block) = &self.block else {
            return self.blocks.share(self.blocks.store().away(), *key, meter, messages, used, now);
        };
        // First the purchase, then the taking: a store in memory answers inside of this call, and then the cells are
        // there already.
        block.buy(messages, now, || {
            let (terms, rate) = self.blocks.terms(meter);
            (terms.at_least(need.at_once), rate)
        });
        // Three ways to come away empty. The store has refused: that is the quota, and final. The answer is under way:
        // unknown, so the frame is asked about again. The store is away: this node's share decides, from as full a
        // state as the whole quota had.
        block.take(messages, need.at_once, now).or_else(|error| match error {
            TakeError::Refused(ready) => Err(Over::of_messages(ready, Cause::Quota)),
            TakeError::UnderWay => Err(Over::of_messages(now.saturating_add(self.pause(meter)), Cause::UnderWay)),
            TakeError::Away(away, full_at) => self.blocks.share(away, *key, meter, messages, used.max(full_at), now),
        })
    }

    /// The time until a message is judged again while a purchase is under way.
    fn pause(&self, meter: Meter) -> u64 {
        (self.blocks.terms(meter).0.patience / ASKS).max(1)
    }

    pub(crate) fn give_back(&self, messages: u64) {
        if let (1.., Some(block)) = (messages, &self.block) {
            block.give_back(messages);
        }
    }

    /// How many messages could be sent now, by what was bought.
    pub(crate) fn left(&self, meter: Meter, key: Key, now: u64) -> u64 {
        let share = |away: Away| self.blocks.left_of_share(away, key, meter, now);
        let Some(block) = &self.block else { return share(self.blocks.store().away()) };
        let (left, _, away) = block.left(now);
        left.saturating_add(away.map_or(0, share))
    }

    /// When `messages` could be sent, by what was bought, as far as it is known.
    pub(crate) fn ready(&self, meter: Meter, key: Key, messages: u64, now: u64) -> u64 {
        if self.left(meter, key, now) >= messages {
            return now;
        }
        let retry = self.block.as_ref().map_or(now, |block| block.left(now).1);
        retry.max(now.saturating_add(self.pause(meter)))
    }
}

impl Drop for BlockHandle {
    fn drop(&mut self) {
        if let Some(block) = &self.block {
            // On whichever thread drops the last owner of the account. It locks the map of blocks and then this block,
            // and no account or shard.
            self.blocks.leave(block);
        }
    }
}

impl fmt::Debug for BlockHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockHandle").finish_non_exhaustive()
    }
}
