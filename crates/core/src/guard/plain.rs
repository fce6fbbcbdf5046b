//! The plain case: nothing waits, nothing has ended, and what goes through is whole short messages.
//!
//! Most reads and writes are of that kind, and a guard costs what they cost. Whatever is not plain takes the general
//! path, which decides the same about what is.

use std::time::Instant;

use super::{
    Guard,
    inbound::Admitted,
    phase::Phase,
    stream::{SHORT_HEADER, short_message},
};
use crate::policy::Batch;

/// Whole short messages, and nothing else.
pub(super) struct Whole {
    messages: usize,
    /// The length of the longest payload.
    longest: usize,
}

impl Whole {
    /// As policies judge them, of a read of so many bytes.
    pub(super) fn batch(&self, bytes: usize) -> Batch {
        let payload = bytes - self.messages * SHORT_HEADER;
        Batch::of_messages(self.messages, payload as u64, self.longest as u64)
    }
}

impl Guard {
    /// Whether nobody has to be told anything, nor to be found who does anything.
    #[inline]
    pub(crate) fn is_at_ease(&self) -> bool {
        let quiet = matches!(self.phase, Phase::Open) && !self.telemetry.are_due() && self.wakes.is_nobody();
        quiet && (self.is_driven() || !self.has_something_due_while_open())
    }

    /// The handler reads or writes. A call that does not say at its end that it was plain was not.
    #[inline]
    pub(crate) fn begin_call(&mut self) {
        self.plain = false;
    }

    /// The handler's call has done nothing but what is plain. A policy that was asked, or a stall, may still have left
    /// something to wake or to tell.
    #[inline]
    pub(crate) fn call_is_plain(&mut self) {
        self.plain = self.wakes.is_nobody() && !self.telemetry.are_due();
    }

    /// Whether the handler's call was plain: if there was nothing to see to before it, there is nothing behind it.
    #[inline]
    pub(crate) fn was_plain(&self) -> bool {
        self.plain
    }

    /// Whether what is read next is all there is to judge.
    #[inline]
    pub(crate) fn reads_plainly(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.inbox.is_plain() && !self.peer_has_said_all()
    }

    /// The messages of a read that holds nothing but whole short ones.
    #[inline]
    pub(super) fn whole_messages(&self, data: &[u8]) -> Option<Whole> {
        if !self.stream.is_between_messages() || self.resumed.is_some() {
            return None;
        }
        let (mut rest, mut messages, mut longest) = (data, 0, 0);
        while let [first, second, ..] = *rest {
            let len = short_message(first, second)?;
            rest = rest.get(SHORT_HEADER + len..)?;
            messages += 1;
            longest = longest.max(len);
        }
        (rest.is_empty() && messages > 0).then_some(Whole { messages, longest })
    }

    /// Admits them. `None` if that is all; if a policy wants them one by one, what comes of that.
    #[inline]
    pub(super) fn admit_whole(&mut self, data: &mut [u8], whole: &Whole, now: Instant) -> Option<Admitted> {
        if self.has_policies() {
            let batch = whole.batch(data.len());
            if let Some(asks) = self.first_that_asks(&batch, now) {
                let admission = self.walk(data, asks, batch, now);
                return Some(self.admitted(admission));
            }
        }
        self.activity.last_message_in = Some(now);
        self.counters.messages_in += whole.messages as u64;
        self.counters.bytes_in += data.len() as u64;
        None
    }

    /// How many messages a write holds, if it may go out as it is and holds nothing but whole short ones.
    #[inline]
    pub(crate) fn plain_messages(&self, data: &[u8]) -> Option<u64> {
        let closing = !matches!(self.phase, Phase::Open) || self.closes.handler_has_closed();
        if closing || self.outbox.is_pending() || !self.is_between_frames() {
            return None;
        }
        let (mut rest, mut messages) = (data, 0);
        while let [first, len, ..] = *rest {
            let short = matches!(first, 0x81 | 0x82) && len < 126;
            rest = if short { rest.get(2 + usize::from(len)..)? } else { return None };
            messages += 1;
        }
        (rest.is_empty() && messages > 0).then_some(messages)
    }

    /// So many messages went out, in so many bytes. The clock is asked only where it decides.
    #[inline]
    pub(crate) fn sent_plainly(&mut self, messages: u64, bytes: usize, now: impl FnOnce() -> Instant) {
        if self.watches_output() {
            self.activity.last_message_out = Some(now());
        }
        self.counters.bytes_out += bytes as u64;
        self.counters.messages_out += messages;
        self.call_is_plain();
    }
}
