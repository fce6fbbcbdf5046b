//! The guard's own pings, and how their pongs are recognized among those that answer the handler's.
//!
//! The guard's pings go through the handler's connection, and their pongs would reach its library. Some libraries count
//! pongs, and a handler may log them, so these must not be delivered. The payload identifies them: four random bytes of
//! this connection, which a peer cannot know before it has read a ping, and a number. RFC 6455, section 5.5.3, requires
//! a pong to repeat the payload, and lets a peer answer only the newest of several pings.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// The bytes of a ping of the guard's own: the prefix and the number.
pub(super) const PING_PAYLOAD: usize = 8;

/// The guard's own pings, recognized by their payload: a random prefix and a number.
///
/// A pong that answers one of them is cut out of the stream: the handler has not sent that ping, and its library may
/// count or log the pong. The number must be one that was sent and not answered yet, so that a replayed pong does not
/// prove that the peer is there.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The first four bytes of every payload.
    pub(super) prefix: [u8; 4],
    pub(super) sent: u32,
    /// The number of the last that was answered. No pong counts twice, nor for an older ping than this.
    pub(super) answered: u32,
    /// When the last one was created.
    pub(super) last: Option<Instant>,
    /// The last one was created, and then the process stood still before it went out.
    pub(super) late: bool,
    /// How many nanoseconds the peer took to answer, and one more: zero is none.
    round_trip: Option<NonZeroU64>,
}

impl Pings {
    /// How long the peer took to answer the last one that it did answer.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|nanos| Duration::from_nanos(nanos.get() - 1))
    }

    /// When the last one was created, if there is no answer to it yet.
    pub(super) fn awaited(&self) -> Option<Instant> {
        self.last.filter(|_| self.answered != self.sent)
    }

    pub(super) fn took(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.round_trip = Some(NonZeroU64::MIN.saturating_add(nanos));
    }

    /// The number of the ping that a pong answers.
    pub(super) fn answered_by(&self, pong: &[u8]) -> Option<u32> {
        let (prefix, number) = pong.split_at_checked(4)?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        (prefix == self.prefix && number > self.answered && number <= self.sent).then_some(number)
    }
}
