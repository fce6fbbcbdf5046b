//! The pings of the guard's own, which must be told from the handler's.

use std::time::Instant;

/// The pings of the guard's own, told apart from others by what they carry.
///
/// A pong that answers one of these is cut out of the stream: the handler has sent no such ping, and a library may
/// count or log it. Its number, not only the prefix, must be one that was sent, so that no old pong proves that a peer
/// is there now.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// What all of a connection begin with.
    pub(super) prefix: [u8; 4],
    pub(super) sent: u32,
    /// The last that was answered: no pong answers twice, nor an older ping after a newer one.
    pub(super) answered: u32,
    /// When the last one was made.
    pub(super) last: Option<Instant>,
}

impl Pings {
    /// The ping that a pong answers.
    pub(super) fn answered_by(&self, pong: &[u8]) -> Option<u32> {
        let (prefix, number) = pong.split_at_checked(4)?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        (prefix == self.prefix && number > self.answered && number <= self.sent).then_some(number)
    }
}
