//! The plain case: nothing waits, nothing has ended, and what goes through is whole short messages.
//!
//! Most reads and writes are of this kind, so their cost is the cost of a guard. Everything else takes the general
//! path, which would come to the same decisions about plain calls: property tests compare the two.
//!
//! A call is plain if it says so at its end, never by default: `begin_call` clears the flag, and a path that is not
//! plain leaves it cleared. What a plain call may skip is everything that follows a call: a look at the phase for a
//! driver, the wakes, the report. That is correct only if the call left nothing behind and nothing was left before it,
//! which `call_is_plain` checks by its two conditions. A plain read costs two bytes of each header, the policies'
//! `on_batch`, and a lock.

use std::time::Instant;

use super::{
    Guard,
    inbound::Admitted,
    phase::Phase,
    short::{Form, Whole},
};
use crate::policy::Batch;

impl Whole {
    /// The batch that policies judge, for a read of `bytes` bytes.
    pub(super) fn batch(&self, bytes: usize) -> Batch {
        let payload = bytes - self.messages * Form::MASKED.header;
        Batch::of_messages(self.messages, payload as u64, self.longest as u64)
    }
}

impl Guard {
    /// Whether nothing has to be reported or woken, and no driver is missing.
    #[inline]
    pub(crate) fn is_at_ease(&self) -> bool {
        let quiet = matches!(self.phase, Phase::Open) && !self.telemetry.are_due() && self.wakes.is_nobody();
        quiet && (self.is_attended() || !self.has_something_due_while_open())
    }

    /// The handler reads or writes. The call counts as plain only if [`call_is_plain`](Self::call_is_plain) ends it.
    #[inline]
    pub(crate) fn begin_call(&mut self) {
        self.plain = false;
    }

    /// The handler's call was plain, unless a policy that was asked, or a stall, has left something to wake or to
    /// report.
    #[inline]
    pub(crate) fn call_is_plain(&mut self) {
        self.plain = self.wakes.is_nobody() && !self.telemetry.are_due();
    }

    /// Whether the handler's call was plain: if there was nothing to see to before it, there is nothing behind it.
    #[inline]
    pub(crate) fn was_plain(&self) -> bool {
        self.plain
    }

    /// Whether the next read is all that has to be judged.
    #[inline]
    pub(crate) fn reads_plainly(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.inbox.is_plain() && !self.peer_has_said_all()
    }

    /// Whether a read consists of whole short messages, and which.
    #[inline]
    pub(super) fn whole_messages(&self, data: &[u8]) -> Option<Whole> {
        if !self.stream.is_between_messages() || self.resumed.is_some() {
            return None;
        }
        Form::MASKED.whole(data)
    }

    /// Admits whole short messages. Returns `None` if all of them may be delivered as they are, and otherwise, because
    /// a policy wanted them one by one, what was decided.
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

    /// The number of messages in a write, if it consists of whole short messages and may go out as it is.
    #[inline]
    pub(crate) fn plain_messages(&self, data: &[u8]) -> Option<u64> {
        let closing = !matches!(self.phase, Phase::Open) || self.closes.handler_has_closed();
        if closing || self.outbox.is_pending() || !self.is_between_frames() {
            return None;
        }
        Form::UNMASKED.whole(data).map(|whole| whole.messages as u64)
    }

    /// `messages` messages were written, in `bytes` bytes. The clock is read only if it matters.
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
