//! What went through a connection, as the guard counts it and others report it.

/// What went through a connection so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages of the peer that were delivered, by their first frame.
    pub messages_in: u64,
    /// Bytes of the peer that were delivered, headers included.
    pub bytes_in: u64,
    /// Messages that the handler sent, by their first frame.
    pub messages_out: u64,
    /// Bytes that the handler sent, headers included.
    pub bytes_out: u64,
    /// Messages and control frames that a policy dropped.
    pub dropped: u64,
    /// Frames that broke a framing rule and were passed on, in
    /// [`Framing::ReportOnly`](crate::settings::Framing::ReportOnly).
    pub violations: u64,
}
