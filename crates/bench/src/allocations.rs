//! Heap allocations, counted by the global allocator.

use std::io;

use stats_alloc::Region;

use crate::{
    duplex,
    exact::{self, Shape},
    plan::Plan,
    side::Side,
};

/// Buffers are renewed once in thousands of messages, and counting is cheap.
const MORE: u64 = 16;

/// How many allocations and reallocations happen in this process meanwhile.
pub(crate) async fn during(work: impl Future<Output = io::Result<()>>) -> io::Result<usize> {
    let region = Region::new(crate::ALLOCATOR);
    work.await?;
    let change = region.change();
    Ok(change.allocations + change.reallocations)
}

/// Allocations per message of the second half of a run.
pub(crate) fn per_message(plan: &Plan, side: Side, shape: Shape) -> io::Result<f64> {
    let messages = MORE * plan.exact;
    let once = duplex::run(side, shape, messages)?;
    let twice = duplex::run(side, shape, 2 * messages)?;
    exact::each(once as u64, twice as u64, messages)
}
