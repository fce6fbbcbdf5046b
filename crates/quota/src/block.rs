//! What one node has bought of a quota that several nodes share.
//!
//! A store keeps the quota, as one [`Meter`](crate::Meter) for all nodes. Asking it takes longer than a message may
//! wait, so a node buys a block of cells ahead, spends it, and buys again when less than half of it is left.
//!
//! While the answer is under way a node may spend a few cells on credit, its overdraft, which the next purchase pays
//! first. So over any time `t` all nodes together admit at most `burst + rate * t + nodes * (block + overdraft)`: what
//! the store sold in that time, what each node had in hand, and what each owes at the end. Over all time they admit no
//! more than what was sold and what is owed.
//!
//! - There is no credit unless a purchase is under way. Credit that is always there would be one more quota for each
//!   node.
//! - The store sells half a block or nothing. Otherwise, once a key is used up, the store would be asked for
//!   every single cell.
//! - What is bought stays in hand until it is spent or given back. If it were void after a time, a client that sends
//!   one message in that time would use up a block for each: a quota of one a second, bought in twos, would refuse a
//!   client that sends one in 1.2 s.

/// How a node buys blocks.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The size of a block, in cells.
    pub block: u64,
    /// How many cells may be spent before the answer to a purchase arrives.
    pub overdraft: u64,
    /// The time, in units, after which an answer is late. From then on, nothing is spent on credit.
    pub patience: u64,
}

impl Terms {
    /// Returns terms under which `cells` can be taken together, with a larger block and overdraft if necessary.
    #[must_use]
    pub fn at_least(self, cells: u64) -> Self {
        Self { block: self.block.max(cells), overdraft: self.overdraft.max(cells), ..self }
    }
}

/// What has to be bought.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPurchase {
    /// How many cells to buy, or as many of them as there are.
    pub want: u64,
    /// The purchase is refused if there are fewer than this.
    pub least: u64,
}

/// Why cells cannot be taken.
///
/// This enum is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The store refused to sell. Nothing is available before this time.
    Refused(u64),
    /// The answer is under way, and the overdraft is not sufficient.
    Waiting,
    /// The answer is late.
    Late,
}

/// Cells that were bought and not spent.
///
/// ```
/// use portcullis_quota::{Block, BlockPurchase, Shortage, Terms};
///
/// let terms = Terms { block: 8, overdraft: 2, patience: 1_000 };
/// let (mut block, now) = (Block::default(), 1);
/// assert_eq!(block.set_aside(&terms), 0, "nothing was bought yet");
/// assert_eq!(block.begin_purchase(1, now, &terms), Some(BlockPurchase { want: 8, least: 4 }));
/// assert_eq!(block.take(2, now, &terms), Ok(()), "on credit, while the answer is under way");
/// assert_eq!(block.take(1, now, &terms), Err(Shortage::Waiting));
///
/// block.bought(8); // of which two are owed
/// assert_eq!(block.set_aside(&terms), 2, "these can be spent at once, and half a block stays");
/// assert_eq!(block.set_aside(&terms), 0, "time to buy more");
/// assert_eq!(block.take(2, now, &terms), Ok(()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Below zero: the overdraft that the next purchase pays.
    cells: i64,
    /// When the purchase that is under way was begun; zero if there is none.
    asked: u64,
    /// Before that time nothing is bought.
    retry: u64,
}

impl Block {
    /// Takes out the cells beyond half a block. They can be spent without a look at the rest, by an atomic counter for
    /// example. Where they do not suffice, the remainder is [put back](Self::put_back), and it is time for
    /// [`begin_purchase`](Self::begin_purchase) and then [`take`](Self::take).
    pub fn set_aside(&mut self, terms: &Terms) -> u64 {
        let plenty = self.cells.saturating_sub(signed(terms.block / 2)).max(0);
        self.cells -= plenty;
        plenty.unsigned_abs()
    }

    /// Puts back cells that were [set aside](Self::set_aside) and not spent.
    pub fn put_back(&mut self, cells: u64) {
        self.cells = self.cells.saturating_add(signed(cells));
    }

    /// Returns true if more could be bought now: no purchase is under way, and the store has not refused one.
    pub fn may_purchase(&self, now: u64) -> bool {
        self.asked == 0 && now >= self.retry
    }

    /// Returns what has to be bought now, if anything, before `cells` are taken. From here on the purchase is under
    /// way, until it is [`bought`](Self::bought) or [`refused`](Self::refused).
    pub fn begin_purchase(&mut self, cells: u64, now: u64, terms: &Terms) -> Option<BlockPurchase> {
        let half = terms.block.div_ceil(2).max(1);
        if !self.may_purchase(now) || self.cells.saturating_sub(signed(cells)) >= signed(half) {
            return None;
        }
        let want = signed(terms.block).saturating_sub(self.cells);
        self.asked = now.max(1);
        Some(BlockPurchase { want: want.unsigned_abs(), least: half })
    }

    /// Takes `cells` from what was bought, or on credit while an answer is under way and not late. All or none.
    ///
    /// # Errors
    ///
    /// Returns why they cannot be taken.
    pub fn take(&mut self, cells: u64, now: u64, terms: &Terms) -> Result<(), Shortage> {
        let left = self.cells.saturating_sub(signed(cells));
        let late = self.is_late(now, terms);
        let credit = if self.asked > 0 && !late { signed(terms.overdraft) } else { 0 };
        if left >= -credit {
            self.cells = left;
            return Ok(());
        }
        Err(match self.asked {
            0 => Shortage::Refused(self.retry.max(now)),
            _ if late => Shortage::Late,
            _ => Shortage::Waiting,
        })
    }

    /// Ends the purchase with the cells that were sold. They first pay for what was taken on credit.
    pub fn bought(&mut self, cells: u64) {
        self.asked = 0;
        self.cells = self.cells.saturating_add(signed(cells));
    }

    /// Ends the purchase without cells. Nothing is bought before `retry`.
    pub fn refused(&mut self, retry: u64) {
        (self.asked, self.retry) = (0, retry);
    }

    /// Gives back cells that were taken and are not needed, up to a whole block.
    pub fn give_back(&mut self, cells: u64, terms: &Terms) {
        let most = signed(terms.block).max(self.cells);
        self.cells = self.cells.saturating_add(signed(cells)).min(most);
    }

    /// Returns all cells that are left, for the store to sell them again.
    pub fn empty(&mut self) -> u64 {
        let cells = self.cells.max(0);
        self.cells -= cells;
        cells.unsigned_abs()
    }

    /// Returns how many cells could be taken now, including those on credit.
    pub fn left(&self, now: u64, terms: &Terms) -> u64 {
        let on_credit = if self.asked > 0 { !self.is_late(now, terms) } else { now >= self.retry };
        let credit = if on_credit { signed(terms.overdraft) } else { 0 };
        self.cells.saturating_add(credit).max(0).unsigned_abs()
    }

    /// Returns when more may be bought.
    pub fn retry(&self) -> u64 {
        self.retry
    }

    /// Returns how many cells were taken on credit and not paid for.
    pub fn owed(&self) -> u64 {
        self.cells.min(0).unsigned_abs()
    }

    /// Returns true if this block is no different from a new one: it has no cells, owes none, no purchase is under way,
    /// and the store has not refused one.
    pub fn is_new(&self, now: u64) -> bool {
        self.cells == 0 && self.asked == 0 && self.retry <= now
    }

    fn is_late(&self, now: u64, terms: &Terms) -> bool {
        self.asked > 0 && now.saturating_sub(self.asked) > terms.patience
    }
}

fn signed(cells: u64) -> i64 {
    i64::try_from(cells).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::{Meter, Quota};

    const MILLI: u64 = 16_000_000;
    const TERMS: Terms = Terms { block: 10, overdraft: 4, patience: 100 };

    fn purchase(want: u64, least: u64) -> BlockPurchase {
        BlockPurchase { want, least }
    }

    /// Spends from what is beyond half a block.
    fn spend(block: &mut Block, cells: u64, terms: &Terms) -> bool {
        let plenty = block.set_aside(terms);
        let left = plenty.checked_sub(cells);
        block.put_back(left.unwrap_or(plenty));
        left.is_some()
    }

    #[test]
    fn a_block_is_bought_on_credit_and_bought_again_when_half_of_it_is_left() {
        let mut block = Block::default();
        assert_eq!(block.take(1, 0, &TERMS), Err(Shortage::Refused(0)), "nothing is under way, so there is no credit");
        assert!(!spend(&mut block, 1, &TERMS));
        assert_eq!(block.begin_purchase(1, 1, &TERMS), Some(purchase(10, 5)));
        assert_eq!(block.begin_purchase(1, 1, &TERMS), None, "it is under way");
        let taken = (0..9).filter(|_| block.take(1, 1, &TERMS).is_ok()).count();
        assert_eq!((taken, block.take(1, 1, &TERMS)), (4, Err(Shortage::Waiting)));
        block.bought(10);
        assert_eq!((block.left(1, &TERMS), block.owed()), (10, 0), "what is owed was paid first, and there is credit");
        assert!(spend(&mut block, 1, &TERMS) && !spend(&mut block, 1, &TERMS));
        assert_eq!(block.begin_purchase(1, 2, &TERMS), Some(purchase(5, 5)));
        assert_eq!(block.take(1, 2, &TERMS), Ok(()));
        block.bought(5);
        assert_eq!(block.empty(), 9);
    }

    #[test]
    fn what_is_refused_admits_nothing_until_it_is_time_to_ask_again() {
        let mut block = Block::default();
        block.begin_purchase(1, 1, &TERMS).unwrap();
        block.take(1, 1, &TERMS).unwrap();
        block.refused(50);
        for now in [1, 49] {
            assert_eq!(
                (block.take(1, now, &TERMS), block.begin_purchase(1, now, &TERMS)),
                (Err(Shortage::Refused(50)), None)
            );
        }
        assert_eq!(block.begin_purchase(1, 50, &TERMS), Some(purchase(11, 5)), "what is owed, and a block");
    }

    #[test]
    fn an_answer_that_is_late_gives_no_credit_until_it_is_there() {
        let mut block = Block::default();
        block.begin_purchase(1, 1, &TERMS).unwrap();
        block.take(1, 101, &TERMS).unwrap();
        assert_eq!((block.take(1, 102, &TERMS), block.left(102, &TERMS)), (Err(Shortage::Late), 0));
        assert_eq!(block.begin_purchase(1, 1000, &TERMS), None, "one at a time, however late");
        block.bought(10);
        assert_eq!(block.empty(), 9);
    }

    #[test]
    fn what_is_in_hand_is_given_up_once_and_what_is_owed_stays() {
        let mut block = Block::default();
        block.begin_purchase(1, 1, &TERMS).unwrap();
        block.bought(10);
        block.take(3, 1, &TERMS).unwrap();
        block.give_back(2, &TERMS);
        assert_eq!((block.empty(), block.empty()), (9, 0));
        assert!(block.is_new(1));
        block.begin_purchase(1, 1, &TERMS).unwrap();
        block.take(2, 1, &TERMS).unwrap();
        assert_eq!((block.empty(), block.owed(), block.is_new(1)), (0, 2, false));
        block.refused(9);
        block.begin_purchase(0, 9, &TERMS).unwrap();
        block.bought(2);
        assert!(block.is_new(9));
    }

    /// A client on one of several nodes that send nothing else, as slowly as its quota allows.
    #[test]
    fn a_client_within_its_rate_is_never_refused_however_slow_it_is() {
        for (rate, burst, size, percent) in
            [(1, 10, 2, 83_u64), (1, 10, 2, 99), (20, 40, 5, 90), (20, 40, 5, 10), (1000, 200, 20, 90)]
        {
            let meter = Meter::from(Quota::per_second(count(rate)).allow_burst(count(burst)));
            let terms = Terms { block: size, overdraft: size, patience: 100 * MILLI };
            let mut nodes = [Block::default(), Block::default()];
            let mut full_at = 0;
            for sent in 0..5000_u64 {
                let now = (1 << 40) + sent * meter.cost(100) / percent;
                let block = &mut nodes[usize::from(sent % 3 == 0)];
                if !spend(block, 1, &terms) {
                    let purchase = block.begin_purchase(1, now, &terms);
                    assert_eq!(block.take(1, now, &terms), Ok(()), "{sent} of {rate}/{burst} by {size} at {percent} %");
                    if let Some(purchase) = purchase {
                        let bought = meter.buy(&mut full_at, purchase.want, purchase.least, now);
                        block.bought(bought.unwrap_or_else(|_| panic!("{sent} of {rate} at {percent} %")));
                    }
                }
            }
        }
    }

    fn count(cells: u32) -> NonZeroU32 {
        NonZeroU32::new(cells).unwrap()
    }

    /// A node whose purchases take their time.
    #[derive(Default)]
    struct Node {
        block: Block,
        under_way: Option<Purchase>,
        refused_until: u64,
    }

    struct Purchase {
        cells: BlockPurchase,
        /// When the store decides, and when the node hears of it.
        at: u64,
        heard: u64,
        answer: Option<Result<u64, u64>>,
    }

    impl Node {
        /// What the store and the network do until now. How many cells were sold.
        fn advance(&mut self, meter: Meter, full_at: &mut u64, now: u64) -> u64 {
            let Some(purchase) = &mut self.under_way else { return 0 };
            let mut sold = 0;
            if purchase.at <= now && purchase.answer.is_none() {
                // Nodes decide in the order of the steps, the store in that of its clock: near enough.
                let answer = meter.buy(full_at, purchase.cells.want, purchase.cells.least, now);
                sold = answer.unwrap_or(0);
                purchase.answer = Some(answer);
            }
            if purchase.heard <= now {
                match purchase.answer {
                    Some(Ok(cells)) => self.block.bought(cells),
                    Some(Err(retry)) => {
                        self.block.refused(retry);
                        self.refused_until = retry;
                    }
                    None => return sold,
                }
                self.under_way = None;
            }
            sold
        }

        fn take(&mut self, cells: u64, now: u64, terms: &Terms, [to, back]: [u64; 2]) -> bool {
            if spend(&mut self.block, cells, terms) {
                return true;
            }
            if let Some(purchase) = self.block.begin_purchase(cells, now, terms) {
                assert!(self.under_way.is_none() && now >= self.refused_until);
                self.under_way = Some(Purchase { cells: purchase, at: now + to, heard: now + to + back, answer: None });
            }
            self.block.take(cells, now, terms).is_ok()
        }
    }

    proptest! {
        /// In every window: what the store may sell in it, what nodes had in hand before, and what they owe at its end.
        /// And in the end everything is paid.
        #[test]
        fn nodes_admit_the_quota_and_a_block_and_an_overdraft_each(
            rate in 10..2000_u32,
            burst in 4..100_u32,
            block in 1..50_u64,
            overdraft in 0..50_u64,
            patience in 0..60_u64,
            steps in prop::collection::vec((0..4000_u64, 0..3_usize, 1..6_u64, 0..40_u64, 0..40_u64), 1..400),
        ) {
            let meter = Meter::from(Quota::per_second(count(rate)).allow_burst(count(burst)));
            let block = block.min(burst.into());
            let terms = Terms { block, overdraft, patience: patience * MILLI };
            let mut nodes = [(); 3].map(|()| Node::default());
            let (mut full_at, mut now, mut sold, mut admitted) = (0, 1 << 40, 0, Vec::new());
            for (step, node, cells, to, back) in steps {
                now += step * MILLI / 1000;
                sold += nodes.iter_mut().map(|node| node.advance(meter, &mut full_at, now)).sum::<u64>();
                let node = &mut nodes[node];
                let owed = node.block.owed();
                if node.take(cells, now, &terms, [to * MILLI, back * MILLI]) {
                    admitted.push((now, cells));
                    // A refusal holds: nothing is owed that was not owed when it came.
                    prop_assert!(now >= node.refused_until || node.block.owed() <= owed);
                }
                prop_assert!(node.block.owed() <= overdraft);
            }
            let most = nodes.len() as u64;
            for (at, (from, _)) in admitted.iter().enumerate() {
                let mut total = 0;
                for (to, cells) in &admitted[at..] {
                    total += cells;
                    let store = u64::from(burst) + (to - from) / meter.cost(1);
                    prop_assert!(total <= store + most * (block + overdraft), "{total} of {store}");
                }
            }
            for _ in 0..1000 {
                now += 100 * MILLI;
                for node in &mut nodes {
                    sold += node.advance(meter, &mut full_at, now);
                    if node.block.owed() > 0 && let Some(purchase) = node.block.begin_purchase(0, now, &terms) {
                        node.under_way = Some(Purchase { cells: purchase, at: now, heard: now, answer: None });
                    }
                }
            }
            prop_assert!(nodes.iter().all(|node| node.block.owed() == 0));
            prop_assert!(admitted.iter().map(|(_, cells)| cells).sum::<u64>() <= sold);
        }
    }
}
