//! What the handler may do in each phase: what its reads return, and what becomes of its writes.
//!
//! A library must come to its usual end, and each library has its own. So a connection that was taken reads as one
//! whose peer has closed: a close frame, then the end of the stream. Its writes succeed for a moment, since the library
//! answers that close; an error there would surface in the handler as a failure that never happened.

use std::time::Instant;

use super::{Guard, phase::Phase};

/// What a read by the handler returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// What the peer sends.
    Open,
    /// Nothing for now: it is pending until it is woken.
    Wait,
    /// The end of the stream, behind what is in the inbox.
    End,
    /// An error.
    Aborted,
}

/// What becomes of what the handler writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// It goes to the peer.
    Open,
    /// It is accepted and discarded: nothing follows a close frame (RFC 6455, section 5.5.1), and a library that has
    /// not read the close yet must not see a failure.
    Swallow,
    /// It fails.
    Broken,
}

impl Guard {
    /// Whether the handler's reads and writes still reach the transport.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ending(_))
    }

    /// What a read by the handler returns in this phase.
    #[inline]
    pub(crate) fn reads(&self) -> Reads {
        match &self.phase {
            Phase::Open if self.inbox.delayed().is_none() => Reads::Open,
            // What is in the inbox is judged and delivered first. Then the missing transport reads as the end.
            Phase::Lost => Reads::Open,
            Phase::Open | Phase::Upgrading(_) | Phase::Ending(_) => Reads::Wait,
            Phase::Taken(_) => Reads::End,
            Phase::Aborted | Phase::Over => Reads::Aborted,
        }
    }

    /// What becomes of a write by the handler. The clock is read only if the answer depends on it.
    #[inline]
    pub(crate) fn writes(&self, now: impl FnOnce() -> Instant) -> Writes {
        match &self.phase {
            Phase::Open | Phase::Ending(_) if !self.closes.handler_has_closed() => Writes::Open,
            Phase::Taken(Some(until)) if now() < **until => Writes::Swallow,
            _ => Writes::Broken,
        }
    }

    /// Whether the handler may finish the frame it is in, and begin no other.
    #[inline]
    pub(crate) fn is_last_frame(&self, now: impl FnOnce() -> Instant) -> bool {
        matches!(&self.phase, Phase::Ending(ending) if ending.is_last_frame(now()))
    }

    /// Takes bytes of the handler's close frame, and returns how many.
    pub(crate) fn capture(&mut self, data: &[u8], now: impl FnOnce() -> Instant) -> usize {
        let (taken, frame) = self.capture_close(data);
        if let Some(frame) = frame {
            self.handler_closed(frame, now());
        }
        taken
    }

    /// Follows writes that are discarded, up to the handler's close frame, after which writes fail. Returns how many
    /// bytes it took.
    pub(crate) fn swallow(&mut self, data: &[u8]) -> usize {
        if !self.is_capturing() {
            let measure = self.measure(data, false);
            let pass = measure.pass;
            self.wrote(measure);
            if pass > 0 || data.is_empty() {
                return pass;
            }
        }
        let (taken, frame) = self.capture_close(data);
        if let (Some(_), Phase::Taken(until)) = (frame, &mut self.phase) {
            *until = None;
        }
        taken
    }
}
