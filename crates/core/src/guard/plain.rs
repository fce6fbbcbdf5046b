//! The plain case: nothing waits, nothing has ended, and what goes through is a run: messages of one frame and less
//! than 64 KiB, all of them whole.
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
    inbound::{Admitted, add_run},
    phase::Phase,
    run::{Form, Run},
};
use crate::policy::Batch;

impl Guard {
    /// Whether nothing has to be reported or woken, and no driver is missing.
    #[inline]
    pub(crate) fn is_at_ease(&self) -> bool {
        let quiet = !self.telemetry.are_due() && self.wakes.is_nobody();
        quiet
            && match self.phase {
                Phase::Open => self.is_attended() || !self.has_something_due_while_open(),
                // There is nothing to drive yet.
                Phase::Upgrading(_) => true,
                _ => false,
            }
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
        matches!(self.phase, Phase::Open) && self.closes.are_none() && self.inbox.is_plain()
    }

    /// The run that a read begins with.
    #[inline]
    pub(super) fn first_run(&self, data: &[u8]) -> Run {
        let may_begin = self.stream.is_between_messages() && self.resumed.is_none();
        if may_begin { Form::MASKED.run(data) } else { Run::default() }
    }

    /// Admits a run, of which the read consists. Returns `None` if all of its messages may be delivered as they are,
    /// and otherwise, because a policy wanted them one by one, what was decided.
    #[inline]
    pub(super) fn admit_whole(&mut self, data: &mut [u8], run: &Run, now: Instant) -> Option<Admitted> {
        if self.has_policies() {
            let mut batch = Batch::default();
            add_run(&mut batch, run);
            if let Some(asks) = self.first_that_asks(&batch, now) {
                let admission = self.walk(data, asks, batch, now);
                return Some(self.admitted(admission));
            }
        }
        self.activity.last_message_in = Some(now);
        self.counters.messages_in += run.messages as u64;
        self.counters.bytes_in += data.len() as u64;
        None
    }

    /// The number of messages in a write, if it consists of a run and may go out as it is.
    #[inline]
    pub(crate) fn plain_messages(&self, data: &[u8]) -> Option<u64> {
        if !self.flushes_plainly() || !self.outbound_at_boundary() {
            return None;
        }
        let run = Form::UNMASKED.run(data);
        run.is_all_of(data).then_some(run.messages as u64)
    }

    /// Whether nothing of the guard's own is to be sent, and nothing of the handler's is held.
    #[inline]
    pub(crate) fn flushes_plainly(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.closes.are_none() && !self.outbox.is_pending()
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
