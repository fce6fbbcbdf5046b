//! The judgement of frames: takes what they need from the account, and says what is done where that does not suffice.
//!
//! A batch is charged as a whole if the quotas allow it; otherwise each frame is judged by itself, so that what fits is
//! still delivered. A frame that is dropped or delayed elsewhere is given back.
//!
//! What becomes of a frame that does not fit, in the order in which it is decided:
//!
//! | What is found | Verdict |
//! | --- | --- |
//! | the first message has named no subject, and one is required | close with 3000 |
//! | too many empty fragments in one message | close with 1008, whatever the layer does with excess |
//! | a purchase for several nodes is under way | ask again, until its answer is there or late |
//! | it was held back before, and others have taken what there was | ask again, within `max_delay` |
//! | more bytes than are ever allowed at once | close with 1009 |
//! | the store is away, and nothing is admitted without it | close with 1013 |
//! | more violations than `close_after` tolerates | close with 1008 |
//! | anything else | what `on_excess` says; a delay beyond `max_delay` closes |
//!
//! A layer on report only passes all of these, and counts them.

use std::{sync::Arc, time::Instant};

use portcullis_core::{
    CloseCode, CloseFrame,
    frame::{FrameHeader, Opcode},
    identity::Subject,
    policy::{Action, Batch, BatchVerdict, Policy, Verdict},
};

use crate::{
    account::Account,
    cells::{Cause, Demand, Kind, Over, of_batch, of_frame},
    excess::{Enforcement, Excess},
};

/// The policy of one connection.
pub(crate) struct Limiter {
    account: Arc<Account>,
    /// The subject was known at the handshake, and decided whose quota it is. It does not change.
    knows_subject: bool,
    /// Empty continuation frames of the message that is open.
    empty: u32,
    /// Boxed: most connections stay within their quota.
    over_quota: Option<Box<OverQuota>>,
}

/// What is remembered of a connection that was over its quota.
#[derive(Default)]
struct OverQuota {
    /// Since when a frame is held back that will be asked about again.
    held: Option<Instant>,
    /// When the window of patience began, and the violations in it.
    window: Option<(Instant, u32)>,
    /// On report only: how many violations were reported.
    reported: u64,
}

impl Limiter {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self { account, knows_subject: false, empty: 0, over_quota: None }
    }

    /// Sets whether the account was created as that of the subject.
    pub(crate) fn knowing_subject(self, knows_subject: bool) -> Self {
        Self { knows_subject, ..self }
    }

    fn judge(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        // Before anything is charged: there is no quota to charge it to. A connection that waits for its first message
        // is not read here yet, so what arrives now comes after a message that named no subject.
        if self.account.is_unknown() {
            return Verdict::Close(CloseFrame::new(CloseCode::UNAUTHORIZED, "not signed in"));
        }
        if self.has_too_many_empty(frame) {
            self.account.violated();
            return Verdict::Close(self.enforcement().close_frame("too many empty fragments"));
        }
        let demand = of_frame(frame);
        match self.account.take(&demand, now) {
            Ok(()) => {
                self.take_held();
                Verdict::Pass
            }
            Err(over) if over.cause == Cause::UnderWay => self.ask_again(over, now),
            Err(over) => self.exceeded(&demand, over, now),
        }
    }

    /// It was not refused yet. It will be known soon: the answer comes, or is late.
    fn ask_again(&mut self, over: Over, now: Instant) -> Verdict {
        // The first time counts: `max_delay` bounds the whole wait, and not each time that it is asked about again.
        self.over_quota().held.get_or_insert(now);
        Verdict::AskAgain(self.account.instant(over.ready, now))
    }

    fn has_too_many_empty(&mut self, frame: &FrameHeader) -> bool {
        if frame.starts_message() {
            self.empty = 0;
        }
        let empty = frame.opcode() == Opcode::CONTINUATION && frame.payload_len() == 0;
        self.empty = self.empty.saturating_add(u32::from(empty));
        self.empty > self.enforcement().empty
    }

    fn exceeded(&mut self, demand: &Demand, over: Over, now: Instant) -> Verdict {
        // It was held back before, and others have taken what there was. The wait goes on within `max_delay`, and is
        // not counted as another violation.
        if self.is_held_back(over, now) {
            return Verdict::AskAgain(self.account.instant(over.ready, now));
        }
        let since = self.take_held().unwrap_or(now);
        self.account.violated();
        if self.enforcement().report_only {
            return Verdict::Pass;
        }
        if over.too_big {
            return Verdict::Close(CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, "more bytes than may be sent at once"));
        }
        let frame = match over.cause {
            Cause::Unavailable => CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "limits are unavailable"),
            _ => self.enforcement().close_frame(reason(over.kind)),
        };
        if self.is_out_of_patience(now) {
            return Verdict::Close(frame);
        }
        match self.enforcement().excess {
            Excess::Close => Verdict::Close(frame),
            Excess::Drop => Verdict::Drop,
            Excess::Delay if over.cause == Cause::Unavailable => Verdict::Close(frame),
            Excess::Delay => self.delay(demand, over, since, now).unwrap_or(Verdict::Close(frame)),
        }
    }

    /// When it may go on; `None` if that is too far off.
    fn delay(&mut self, demand: &Demand, over: Over, since: Instant, now: Instant) -> Option<Verdict> {
        let ready = self.account.instant(over.ready, now);
        if ready.saturating_duration_since(since) > self.enforcement().max_delay {
            return None;
        }
        // A store sells what there is, and promises nothing for later. So the frame keeps no place in a queue, and is
        // judged anew when its time has come.
        if self.account.is_cluster_wide() {
            self.over_quota().held = Some(since);
            return Some(Verdict::AskAgain(ready));
        }
        Some(Verdict::Delay(self.account.reserve(demand, now)))
    }

    /// Whether it is the frame that was delayed before, and another has taken what there was meanwhile.
    fn is_held_back(&self, over: Over, now: Instant) -> bool {
        let Enforcement { excess, max_delay, report_only, .. } = self.enforcement();
        let held = self.over_quota.as_ref().and_then(|over| over.held);
        let Some(since) = held.filter(|_| *excess == Excess::Delay && !report_only) else { return false };
        let until = self.account.instant(over.ready, now);
        over.cause == Cause::Quota && until.saturating_duration_since(since) <= *max_delay
    }

    fn is_out_of_patience(&mut self, now: Instant) -> bool {
        let Some((most, time)) = self.enforcement().patience else { return false };
        let window = &mut self.over_quota().window;
        let (began, violations) = match *window {
            Some((began, violations)) if now.saturating_duration_since(began) < time => (began, violations + 1),
            _ => (now, 1),
        };
        *window = Some((began, violations));
        violations > most
    }

    fn over_quota(&mut self) -> &mut OverQuota {
        self.over_quota.get_or_insert_default()
    }

    /// Nothing is held back any more. Returns since when something was.
    fn take_held(&mut self) -> Option<Instant> {
        self.over_quota.as_mut()?.held.take()
    }

    fn enforcement(&self) -> &Enforcement {
        self.account.enforcement()
    }
}

fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Messages => "message rate exceeded",
        Kind::Bytes => "byte rate exceeded",
        Kind::Control => "control frame rate exceeded",
        Kind::Continuations => "fragment rate exceeded",
    }
}

impl Policy for Limiter {
    fn name(&self) -> &'static str {
        "message_rate"
    }

    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        // Counting empty fragments by message needs them one by one.
        if batch.empty_continuations > 0 || self.account.is_unknown() {
            return BatchVerdict::OneByOne;
        }
        // A batch that does not fit is not charged at all: its frames are, one by one.
        if self.account.take(&of_batch(batch), now).is_err() {
            return BatchVerdict::OneByOne;
        }
        if batch.messages.frames > 0 {
            self.empty = 0;
        }
        BatchVerdict::Pass
    }

    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        let verdict = self.judge(frame, now);
        if self.enforcement().report_only { Verdict::Pass } else { verdict }
    }

    fn on_overflow(&mut self) -> CloseFrame {
        self.enforcement().close_frame("too much sent while delayed")
    }

    fn on_refund(&mut self, batch: &Batch) {
        self.account.give_back(&of_batch(batch));
    }

    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        if !self.knows_subject {
            self.account.authenticated(subject);
        }
        Action::None
    }

    fn take_reported(&mut self) -> u64 {
        if !self.enforcement().report_only {
            return 0;
        }
        // Those of the handler's charges included. Only this policy reads them for the report, under the connection's
        // lock, so the difference is reported once.
        let violations = self.account.violations();
        if violations == 0 {
            return 0;
        }
        violations - std::mem::replace(&mut self.over_quota().reported, violations)
    }
}
