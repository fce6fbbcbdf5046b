//! The connections that make room for another.

/// The connections that make room for another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Evicted<C> {
    /// They give up their permits at once, and are to be closed.
    pub(crate) closing: Vec<C>,
    /// They were closing, and too many of their key were.
    pub(crate) aborted: Vec<C>,
}

impl<C> Default for Evicted<C> {
    fn default() -> Self {
        Self { closing: Vec::new(), aborted: Vec::new() }
    }
}
