//! The result of a drain.

use std::fmt;

/// The result of a drain. Each connection that was alive when it began is counted once: as closed, gone or aborted.
///
/// ```
/// use portcullis_liveness::Drain;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let drained = Drain::new().start().await;
/// assert_eq!(drained.to_string(), "0 closed, 0 gone, 0 aborted, 0 handlers busy, 0 refused");
/// assert!(drained.is_clean());
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that ended with a close frame, the drain's or another.
    pub closed: usize,
    /// Connections that ended before the deadline without a close frame: clients that vanished or did not read, and
    /// handshakes that failed.
    pub gone: usize,
    /// Connections that were aborted at the deadline, including handshakes under way.
    pub aborted: usize,
    /// Handlers that were still running when the drain was over, however their connections ended.
    pub busy: usize,
    /// Handshakes that were refused since the drain began.
    pub refused: u64,
}

impl Drained {
    /// Returns true if no connection was aborted and every handler finished.
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
