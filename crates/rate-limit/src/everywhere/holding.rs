//! A connection's part in what is bought for its key.

use std::{fmt, sync::Arc};

use portcullis_core::shared::Away;
use portcullis_quota::{Key, Meter};

use super::{
    stock::{Lack, Stock},
    stocks::Stocks,
};
use crate::cells::{Cause, Cells, Demand, Kind, Meters, Over};

/// While more is being bought, a message is asked about so often at most.
const ASKS: u64 = 8;

/// A connection's part in the stock of its key. What is left of the stock is given back with the last of them.
pub(crate) struct Holding {
    stocks: Arc<Stocks>,
    /// `None` where there was no room for one.
    stock: Option<Arc<Stock>>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) demand: Demand,
    /// So many messages must be there together. A batch is asked for frame by frame where it is not there as a whole.
    pub(crate) at_once: u64,
}

impl Holding {
    pub(super) fn new(stocks: Arc<Stocks>, stock: Option<Arc<Stock>>) -> Self {
        Self { stocks, stock }
    }

    /// Takes all that is asked for, or nothing: from what this node counts itself, and from what it has bought.
    #[inline]
    pub(crate) fn take(&self, meters: &Meters, cells: &mut Cells, need: &Need, key: Key, now: u64) -> Result<(), Over> {
        let (after, over) = meters.ask(cells, &need.demand, now);
        if let Some(over) = over {
            return Err(over);
        }
        let messages = need.demand[Kind::Messages];
        if messages > 0 && !self.stock.as_ref().is_some_and(|stock| stock.spend(messages)) {
            self.take_rest(meters, cells[Kind::Messages], need, key, now)?;
        }
        *cells = after;
        Ok(())
    }

    /// Where less than half a block is left: buys more, and takes what there is.
    #[cold]
    fn take_rest(&self, meters: &Meters, used: u64, need: &Need, key: Key, now: u64) -> Result<(), Over> {
        let (Some(meter), messages) = (meters.0[Kind::Messages], need.demand[Kind::Messages]) else { return Ok(()) };
        let Some(stock) = &self.stock else {
            return self.stocks.share(self.stocks.store().away(), key, meter, messages, used, now);
        };
        stock.buy(messages, now, || {
            let (terms, rate) = self.stocks.terms(meter);
            (terms.at_least(need.at_once), rate)
        });
        stock.take(messages, need.at_once, now).or_else(|lack| match lack {
            Lack::Refused(ready) => Err(Over::of_messages(ready, Cause::Quota)),
            Lack::UnderWay => Err(Over::of_messages(now.saturating_add(self.pause(meter)), Cause::UnderWay)),
            Lack::Away(away, full_at) => self.stocks.share(away, key, meter, messages, used.max(full_at), now),
        })
    }

    /// When it is worth to ask again while an answer is under way.
    fn pause(&self, meter: Meter) -> u64 {
        (self.stocks.terms(meter).0.patience / ASKS).max(1)
    }

    pub(crate) fn give_back(&self, messages: u64) {
        if let (1.., Some(stock)) = (messages, &self.stock) {
            stock.give_back(messages);
        }
    }

    /// How many messages could be sent now, by what was bought.
    pub(crate) fn left(&self, meter: Meter, key: Key, now: u64) -> u64 {
        let share = |away: Away| self.stocks.left_of_share(away, key, meter, now);
        let Some(stock) = &self.stock else { return share(self.stocks.store().away()) };
        let (left, _, away) = stock.left(now);
        left.saturating_add(away.map_or(0, share))
    }

    /// When so many could be sent, by what was bought, as far as it is known.
    pub(crate) fn ready(&self, meter: Meter, key: Key, messages: u64, now: u64) -> u64 {
        if self.left(meter, key, now) >= messages {
            return now;
        }
        let retry = self.stock.as_ref().map_or(now, |stock| stock.left(now).1);
        retry.max(now.saturating_add(self.pause(meter)))
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(stock) = &self.stock {
            self.stocks.leave(stock);
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding").finish_non_exhaustive()
    }
}
