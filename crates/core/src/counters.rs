//! Counts of what has passed through a connection.
//!
//! They are kept by the guard as it follows the frames, so they cost an addition for each read and no look at any
//! payload. Metrics add up the differences since the last report.

/// What has passed through a connection so far.
///
/// A message counts once its first frame was delivered, and may still be incomplete. Compressed messages count by their
/// compressed size. Frames of the guard's own, such as pings, count as neither sent nor delivered. See
/// [`Connection::counters`](crate::Connection::counters) for an example.
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
