//! Counts of what has passed through a connection.

/// What has passed through a connection so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages from the peer that were delivered, counted by their first frame.
    pub messages_in: u64,
    /// Bytes from the peer that were delivered, including frame headers.
    pub bytes_in: u64,
    /// Messages that the handler sent, counted by their first frame.
    pub messages_out: u64,
    /// Bytes that the handler sent, including frame headers.
    pub bytes_out: u64,
    /// Messages and control frames that a policy dropped.
    pub dropped: u64,
    /// Frames that broke a framing rule and were passed on, with
    /// [`Framing::ReportOnly`](crate::settings::Framing::ReportOnly).
    pub violations: u64,
}
