//! How much is measured.

use std::time::Duration;

use crate::parts::INTERVAL;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Each of them measures every side once.
    pub(crate) rounds: usize,
    /// How long one side is measured in a round.
    pub(crate) span: Duration,
    /// The same where CPU time is compared: many short rounds, because a machine's speed changes within seconds.
    pub(crate) cpu_rounds: usize,
    pub(crate) cpu_span: Duration,
    /// Connections whose memory is weighed.
    pub(crate) idle: u32,
    /// Rounds of the memory measurement: servers start anew in each.
    pub(crate) idle_rounds: usize,
    /// Rounds of what takes long.
    pub(crate) slow_rounds: usize,
    /// Connections that are pinged, and how long each side is measured in a round.
    pub(crate) pinged: u32,
    pub(crate) pinged_span: Duration,
    /// How often one waits for pipelined answers.
    pub(crate) waits: u32,
    /// Messages that are counted exactly under valgrind; allocations are counted over more.
    pub(crate) exact: u64,
    /// How many others there are where the cost of one is measured.
    pub(crate) others: [u32; 4],
}

impl Plan {
    pub(crate) fn full() -> Self {
        Self {
            rounds: 7,
            span: Duration::from_millis(600),
            cpu_rounds: 31,
            cpu_span: Duration::from_millis(150),
            idle: 5_000,
            idle_rounds: 7,
            slow_rounds: 3,
            pinged: 10_000,
            pinged_span: 2 * INTERVAL,
            waits: 20,
            exact: 4096,
            others: [1_000, 10_000, 100_000, 1_000_000],
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            rounds: 3,
            span: Duration::from_millis(60),
            cpu_rounds: 3,
            cpu_span: Duration::from_millis(60),
            idle: 500,
            idle_rounds: 1,
            slow_rounds: 1,
            pinged: 500,
            pinged_span: INTERVAL,
            waits: 5,
            exact: 512,
            others: [10, 100, 1_000, 10_000],
        }
    }
}
