//! What the guard knows of a peer that a policy judges.

use std::time::Instant;

/// How a connection stands, for policies that judge a peer by time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// When the upgrade had completed; `None` before.
    pub opened: Option<Instant>,
    /// Bytes that came in, whatever they were, and whether or not the handler has read them.
    pub received: u64,
    /// How many of these the handler's library had been given when a deadline was last due.
    pub read: u64,
    /// When a data frame, or a part of one, was last delivered or dropped.
    pub last_message_in: Option<Instant>,
    /// When the handler last sent a part of a data message. Kept where a policy
    /// [watches the output](super::Policy::watches_output).
    pub last_message_out: Option<Instant>,
    /// When the message began of which more is to come: a part of a frame, or another fragment.
    pub unfinished_since: Option<Instant>,
    /// Since when the transport has taken nothing of what is to be sent: the peer does not read, or not fast enough.
    /// Kept where a policy [watches the output](super::Policy::watches_output).
    pub stalled_since: Option<Instant>,
    /// Input waits that the handler has not read. Looked for when a deadline is due.
    pub has_unread_input: bool,
    /// It cannot be known whether the peer has answered: there is more of its input than is looked at (4 KiB, or what
    /// is [held back](super::Verdict::Delay)) before the handler has read it, or a ping waits behind half a frame of
    /// the handler's. Never so once the peer's stream has ended. Looked for when a deadline is due.
    pub inconclusive: bool,
}
