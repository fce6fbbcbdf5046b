//! The plain case: nothing waits, nothing has ended, and what goes through is whole short messages.
//!
//! Most reads and writes are of that kind, and a guard costs what they cost. Whatever is not plain takes the general
//! path, which decides the same about what is.

use std::time::Instant;

use super::{
    Guard,
    inbound::{Admitted, Then},
    outbound::behind_short_message,
    phase::Phase,
    stream::short_message,
};
use crate::policy::Batch;

impl Guard {
    /// Whether nobody has to be told anything, nor to be found who does anything.
    #[inline]
    pub(crate) fn is_at_ease(&self) -> bool {
        let quiet = matches!(self.phase, Phase::Open) && !self.telemetry.are_due() && self.wakes.is_nobody();
        quiet && (self.is_driven() || !self.has_something_due_while_open())
    }

    /// Whether what is read next is all there is to judge.
    #[inline]
    pub(crate) fn reads_plainly(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.inbox.is_plain() && !self.peer_has_said_all()
    }

    /// The messages of a read that holds nothing but whole short ones.
    #[inline]
    pub(super) fn whole_messages(&self, data: &[u8]) -> Option<Batch> {
        if !self.stream.is_between_messages() || self.resumed.is_some() {
            return None;
        }
        let (mut rest, mut batch) = (data, Batch::default());
        loop {
            let (header, payload) = rest.split_first_chunk()?;
            let len = short_message(*header)?;
            batch.add_message(len);
            rest = payload.get(usize::try_from(len).ok()?..)?;
            if rest.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Admits them, if no policy wants them one by one.
    #[inline]
    pub(super) fn admit_whole(&mut self, data: &mut [u8], batch: Batch, now: Instant) -> Admitted {
        if let Some(asks) = self.first_that_asks(&batch, now) {
            let admission = self.walk(data, asks, batch, now);
            return self.admitted(admission);
        }
        self.activity.last_message_in = Some(now);
        self.counters.messages_in += u64::from(batch.messages.frames);
        self.admitted(Admitted { deliver: data.len(), rest: data.len(), then: Then::Continue })
    }

    /// How many messages a write holds, if it may go out as it is and holds nothing but whole short ones.
    #[inline]
    pub(crate) fn plain_messages(&self, data: &[u8]) -> Option<u64> {
        let closing = !matches!(self.phase, Phase::Open) || self.closes.handler_has_closed();
        if closing || self.outbox.is_pending() || !self.is_between_frames() {
            return None;
        }
        let (mut rest, mut messages) = (data, 0);
        loop {
            rest = behind_short_message(rest)?;
            messages += 1;
            if rest.is_empty() {
                return Some(messages);
            }
        }
    }

    /// So many messages went out, in so many bytes. The clock is asked only where it decides.
    #[inline]
    pub(crate) fn sent_plainly(&mut self, messages: u64, bytes: usize, now: impl FnOnce() -> Instant) {
        if self.watches_output() {
            self.activity.last_message_out = Some(now());
        }
        self.counters.bytes_out += bytes as u64;
        self.counters.messages_out += messages;
        self.outbound.control = false;
    }
}
