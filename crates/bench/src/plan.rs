//! How much is measured.

use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Each of them measures every side once.
    pub(crate) rounds: usize,
    /// How long one side is measured in a round.
    pub(crate) span: Duration,
    /// Connections whose memory is weighed.
    pub(crate) idle: u32,
    /// Rounds of the memory measurement: servers start anew in each.
    pub(crate) idle_rounds: usize,
    /// Messages that are counted exactly under valgrind; allocations are counted over more.
    pub(crate) exact: u64,
}

impl Plan {
    pub(crate) fn full() -> Self {
        Self { rounds: 7, span: Duration::from_millis(600), idle: 5_000, idle_rounds: 7, exact: 4096 }
    }

    pub(crate) fn quick() -> Self {
        Self { rounds: 3, span: Duration::from_millis(60), idle: 500, idle_rounds: 1, exact: 512 }
    }
}
