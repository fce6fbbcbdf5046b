//! What one node may admit while the store is away.

use std::sync::OnceLock;

use portcullis_core::shared::Away;
use portcullis_quota::{Key, Meter, Table, units};

use crate::cells::{Cause, Over};

/// What each key has used of this node's share. Nothing is kept until it is needed.
#[derive(Debug)]
pub(super) struct Shares {
    table: OnceLock<Table<1>>,
    most: usize,
}

impl Shares {
    pub(super) fn new(most: usize) -> Self {
        Self { table: OnceLock::new(), most }
    }

    /// Takes cells that the quota of this node has, as the store was configured. A share is as full as the whole quota
    /// was when it was last heard of: it is no second burst.
    pub(super) fn take(&self, away: Away, key: Key, whole: Meter, cells: u64, used: u64, now: u64) -> Result<(), Over> {
        let nodes = match away {
            Away::Alone => return Ok(()),
            Away::Share { nodes } => nodes,
            Away::Refuse { retry_after } => {
                return Err(Over::of_messages(now.saturating_add(units(retry_after)), Cause::Unavailable));
            }
            _ => return Err(Over::of_messages(now, Cause::Unavailable)),
        };
        let share = whole.share(nodes);
        // A share can be empty and no more than that: what the whole quota has used beyond the burst of a share is not
        // owed by it.
        let used = used.min(now.saturating_add(share.period()));
        let taken = self.table(share).with(key, now, |[full_at]| {
            // The later of the two: what the store has said last, and what this key has used of its share since.
            // Without the first, each outage would begin with a full burst on every node.
            *full_at = used.max(*full_at);
            share.take(full_at, cells, now)
        });
        taken.map_err(|ready| Over { never: share.exceeds_burst(cells), ..Over::of_messages(ready, Cause::Quota) })
    }

    /// How many could be taken.
    pub(super) fn left(&self, away: Away, key: Key, whole: Meter, now: u64) -> u64 {
        match away {
            Away::Alone => u64::MAX,
            Away::Share { nodes } => {
                let [full_at] = self.table.get().map_or([0], |table| table.peek(key));
                whole.share(nodes).remaining(full_at, now)
            }
            _ => 0,
        }
    }

    fn table(&self, share: Meter) -> &Table<1> {
        self.table.get_or_init(|| Table::new(self.most, share.period()))
    }
}
