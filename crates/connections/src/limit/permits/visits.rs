//! Counts the entries of trees that are compared with, each thread its own.

use std::cell::Cell;

thread_local! {
    static VISITS: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count() {
    VISITS.set(VISITS.get() + 1);
}

/// How many entries something looks at.
pub(super) fn during(work: impl FnOnce()) -> usize {
    let before = VISITS.get();
    work();
    VISITS.get() - before
}
