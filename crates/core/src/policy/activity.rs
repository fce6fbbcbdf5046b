//! What a policy learns about the peer when it decides by time.
//!
//! The guard keeps these times for all policies, so that none has to watch every frame only to know when the last one
//! came.

use std::time::Instant;

/// What happened on a connection and when, for policies that decide by time.
///
/// What is a fact about the peer is never taken from the handler: bytes count as received when the transport had them,
/// by whichever task, so that a peer is not judged by the speed of the handler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// When the upgrade completed; `None` before that.
    pub opened: Option<Instant>,
    /// Bytes of any kind that were received, whether or not the handler has read them.
    pub received: u64,
    /// How many of these had been passed to the handler's library when a deadline was last due.
    pub read: u64,
    /// When a data frame, or part of one, was last delivered or dropped.
    pub last_message_in: Option<Instant>,
    /// When the handler last sent a part of a data message. Kept where a policy
    /// [watches the output](super::Interest::OUTPUT).
    pub last_message_out: Option<Instant>,
    /// When the message began that is still incomplete: the rest of a frame or another fragment is missing.
    pub unfinished_since: Option<Instant>,
    /// Since when the transport has accepted nothing of what is to be sent, because the peer does not read fast enough.
    /// Kept where a policy [watches the output](super::Interest::OUTPUT).
    pub stalled_since: Option<Instant>,
    /// There is input that the handler has not read. Determined when a deadline is due.
    pub has_unread_input: bool,
    /// It is unknown whether the peer has answered: it has sent more than is examined before the handler reads it (4
    /// KiB, or what is [held back](super::Verdict::Delay)), or a ping waits behind half a frame of the handler, or has
    /// gone out long after it was requested, as the process stood still. Never true once the peer's stream has ended.
    /// Determined when a deadline is due.
    pub inconclusive: bool,
}
