//! Which tasks have to be woken. The guard only records it: wakers belong to the I/O, which wakes before it unlocks.
//!
//! Waking inside of a decision would run foreign code in the middle of it: a waker may belong to any runtime. So
//! decisions only set a flag, and the caller wakes when the state is consistent, before it unlocks. An event cannot be
//! missed by that: a task that has looked before the change has parked its waker under the same lock.

/// The tasks that wait for something that has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wakes {
    /// The handler, both where it reads and where it writes.
    pub(crate) handler: bool,
    /// The driver.
    pub(crate) driver: bool,
}

impl Wakes {
    #[inline]
    pub(super) fn is_nobody(self) -> bool {
        !(self.handler | self.driver)
    }
}
