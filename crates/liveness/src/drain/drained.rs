//! What a drain came to.

use std::fmt;

/// What a drain came to. Each connection that was there when it began is counted once: closed, gone or aborted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that ended with a close frame, ours or another.
    pub closed: usize,
    /// Connections that ended before the deadline without one: clients that vanished or read nothing, and handshakes
    /// that came to nothing.
    pub gone: usize,
    /// Connections that the deadline ended, handshakes under way among them.
    pub aborted: usize,
    /// Handlers that were still at work when the drain was over, whatever became of their connections.
    pub busy: usize,
    /// Handshakes that were refused since the drain began.
    pub refused: u64,
}

impl Drained {
    /// Whether nobody was cut off: no connection aborted, and every handler done.
    pub fn is_clean(&self) -> bool {
        self.aborted == 0 && self.busy == 0
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { closed, gone, aborted, busy, refused } = self;
        write!(f, "{closed} closed, {gone} gone, {aborted} aborted, {busy} handlers busy, {refused} refused")
    }
}
