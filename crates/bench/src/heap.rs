//! The global allocator, which counts on all sides alike.

use std::{alloc::System, io};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is allocated and freed from here on.
pub(crate) fn region() -> Region<'static, System> {
    Region::new(ALLOCATOR)
}

/// Bytes that are allocated and not freed.
pub(crate) fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// How many allocations and reallocations happen in this process meanwhile.
pub(crate) async fn during(work: impl Future<Output = io::Result<()>>) -> io::Result<usize> {
    let region = region();
    work.await?;
    let change = region.change();
    Ok(change.allocations + change.reallocations)
}
