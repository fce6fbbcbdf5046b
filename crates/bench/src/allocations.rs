//! Heap allocations of a message.

use std::io;

use crate::{
    duplex,
    plan::Plan,
    shape::{self, Shape},
    side::Side,
};

/// Buffers are renewed once in thousands of messages, and counting is cheap.
const MORE: u64 = 16;

/// Allocations per message of the second half of a run.
pub(crate) fn per_message(plan: &Plan, side: Side, shape: Shape) -> io::Result<f64> {
    let messages = MORE * plan.exact;
    let once = duplex::run(side, shape, messages)?;
    let twice = duplex::run(side, shape, 2 * messages)?;
    shape::each(once as u64, twice as u64, messages)
}
