//! Times that may lie as far ahead as anybody likes.

use std::time::{Duration, Instant};

use portcullis_core::policy::Standing;

/// What could not be judged, because input waits that the handler has not read, is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// A time that much later; `None` if it is beyond what an `Instant` can say, and so never comes.
pub(crate) fn later(time: Instant, by: Duration) -> Option<Instant> {
    time.checked_add(by)
}

/// Puts a verdict on a peer off while input waits that its handler has not read.
///
/// A peer that sends a little all the time has something waiting whenever one looks: once the handler has read what
/// waited the last time, it is not the handler that is slow.
#[derive(Default)]
pub(crate) struct Doubt {
    again: Option<Instant>,
    /// What the verdict is about: since when nothing was said, or when the message began.
    since: Option<Instant>,
    /// What had come in when it was put off.
    received: u64,
}

impl Doubt {
    /// When it is looked at again.
    pub(crate) fn again(&self) -> Option<Instant> {
        self.again
    }

    /// Whether the verdict must wait.
    pub(crate) fn holds(&mut self, since: Option<Instant>, standing: &Standing, now: Instant) -> bool {
        let was_read = self.since == since && standing.read >= self.received;
        if !standing.unread || was_read {
            return false;
        }
        *self = Self { again: later(now, AGAIN), since, received: standing.received };
        true
    }
}
