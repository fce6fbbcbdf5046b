//! Which tasks have to be woken. The guard only records it: wakers belong to the I/O, which wakes before it unlocks.

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
