//! Who has to be woken: the guard only notes it, because wakers are I/O.

/// Who waits for something that has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wakes {
    /// Both halves of the handler's.
    pub(crate) handler: bool,
    /// What does for the connection what its handler may not get to.
    pub(crate) driver: bool,
}

impl Wakes {
    #[inline]
    pub(super) fn is_nobody(self) -> bool {
        !(self.handler | self.driver)
    }
}
