//! What the peer sends: judged by its headers, in place, before any of it is delivered.
//!
//! `scan` judges a read as a batch, `walk` frame by frame. Both must come to the same decisions, and to the same ones
//! however TCP has split the bytes: what is incomplete, or delayed, is presented again and counted once.
//!
//! # Two passes
//!
//! `scan` walks once over the headers and changes nothing of the guard: it works on a copy of the position, and counts
//! the frames into a [`Batch`]. If all policies pass the batch, the copy is kept and the bytes are delivered as they
//! are. Most reads end there, without a copy of any byte.
//!
//! `walk` goes frame by frame, and cuts out what is not delivered by moving what follows to the front. It begins anew
//! at the same place, so whatever `scan` had found is found again. It is needed where a policy answers
//! [`BatchVerdict::OneByOne`], where a pong of the guard's own must be cut out, where the rest of a dropped message
//! arrives, and for a frame that was delayed.
//!
//! # Who pays
//!
//! A policy that passes a batch has charged for all of it. When a later one asks for single frames, those in front of
//! it (`charged`) are not asked again, and are refunded what `walk` does not deliver. So with policies A, B and C, of
//! which B objects to the second of three messages:
//!
//! | | A | B | C |
//! | --- | --- | --- | --- |
//! | `on_batch` of three | passes, charges 3 | asks for each | not asked |
//! | first message | | passes, charges 1 | passes, charges 1 |
//! | second message | | drops it, charges nothing | not asked |
//! | third message | | passes, charges 1 | passes, charges 1 |
//! | `on_refund` | of 1 | | |
//!
//! A delay stops the walk. The policies in front of the one that delays have judged the frame for good and keep their
//! charge; `resumed` remembers where to go on. If the connection closes meanwhile, `forget_delay` refunds them.

use std::{ops::Range, time::Instant};

use super::{
    Guard,
    element::Element,
    input_watchers::Place,
    run::{Form, Run},
    stream::Open,
};
use crate::{
    close::{CloseCode, CloseFrame, MalformedClose},
    frame::{FrameHeader, Opcode},
    observe::{Enforcement, FRAMING},
    policy::{Batch, BatchVerdict, Verdict},
};

/// What was decided about one read.
///
/// The bytes between the two are gone: dropped frames, and pongs to the guard's own pings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// How many bytes at the front may be delivered.
    pub(crate) deliver: usize,
    /// Where the bytes begin that were not judged yet, or not admitted.
    pub(crate) rest: usize,
    /// What follows.
    pub(crate) then: Then,
}

#[cfg(any(test, feature = "internals"))]
impl Admitted {
    /// All of it may be delivered.
    fn all(data: &[u8]) -> Self {
        Self { deliver: data.len(), rest: data.len(), then: Then::Continue }
    }
}

/// What follows an admission.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Present the rest again, in front of what comes next.
    Continue,
    /// Present the rest again at that time, and read nothing until then.
    Delay(Instant),
    /// Close the connection; the rest is refused.
    Close(CloseFrame),
    /// The peer closes. Its close frame is delivered, and what it sends after that is discarded.
    PeerClosed(Result<CloseFrame, MalformedClose>),
}

/// What the policies together have decided about a frame.
enum Ruling {
    Keep,
    Drop,
    Delay(Instant),
    Close(CloseFrame),
}

impl Guard {
    /// Judges what was read, in place: what may be delivered is moved to the front.
    ///
    /// The same bytes give the same decisions however they are split, provided that what was not admitted is presented
    /// again as [`Then`] says. An incomplete header, or an incomplete control frame, is never admitted.
    #[cfg(any(test, feature = "internals"))]
    #[inline]
    pub(crate) fn admit(&mut self, data: &mut [u8], now: Instant) -> Admitted {
        let run = self.first_run(data);
        if run.is_all_of(data) {
            self.admit_whole(data, &run, now).unwrap_or_else(|| Admitted::all(data))
        } else {
            self.admit_any(data, run, now)
        }
    }

    /// Judges what was read, where it does not consist of the run that it begins with.
    #[inline(never)]
    pub(super) fn admit_any(&mut self, data: &mut [u8], run: Run, now: Instant) -> Admitted {
        self.admit_by(data, run, |data| Form::MASKED.run(data), now)
    }

    /// The same, with no regard to runs: each frame is an element.
    #[cfg(test)]
    pub(super) fn admit_elements(&mut self, data: &mut [u8], now: Instant) -> Admitted {
        self.admit_by(data, Run::default(), |_| Run::default(), now)
    }

    /// The same, with what finds runs behind the first one.
    #[inline]
    pub(super) fn admit_by(
        &mut self,
        data: &mut [u8],
        run: Run,
        runs: impl Fn(&[u8]) -> Run,
        now: Instant,
    ) -> Admitted {
        // A scan can only deliver a prefix. Frames must be walked if payload has to be cut out, or if some of the
        // policies have judged the first frame already, before it was delayed.
        let discarding = self.stream.discarding && !self.stream.is_between_messages();
        let piecemeal = discarding || self.resumed.is_some();
        let payload_came = self.stream.payload_left > 0 && !data.is_empty();
        if payload_came {
            self.activity.last_message_in = Some(now);
        }
        let admission =
            if piecemeal { self.walk(data, 0, Batch::default(), now) } else { self.scan(data, run, runs, now) };
        self.admitted(admission)
    }

    /// Counts what was admitted, by whichever path.
    pub(super) fn admitted(&mut self, admission: Admitted) -> Admitted {
        self.counters.bytes_in += admission.deliver as u64;
        if !self.stream.in_message() {
            self.activity.unfinished_since = None;
        }
        admission
    }

    /// Data frames were delivered or dropped. `first`: one of them begins a message.
    #[inline]
    fn data_came(&mut self, first: bool, now: Instant) {
        self.activity.last_message_in = Some(now);
        // Only the last message of a read can be unfinished after it, so this is the time at which that one began.
        if first || self.activity.unfinished_since.is_none() {
            self.activity.unfinished_since = Some(now);
        }
    }

    /// One pass over the headers; most reads need no other. `run` is what the read begins with, and `runs` finds more.
    #[inline]
    fn scan(&mut self, data: &mut [u8], run: Run, runs: impl Fn(&[u8]) -> Run, now: Instant) -> Admitted {
        // On a copy: this pass may be given up until the last policy has accepted the batch, and then `walk` begins at
        // the same place. So nothing of `self` is changed before that.
        let mut stream = self.stream;
        // Were a dropped message unfinished, this read would be walked.
        stream.discarding = false;
        let (mut at, mut batch) = (run.bytes, Batch::default());
        if run.messages > 0 {
            add_run(&mut batch, &run);
        }
        let mut compressed = self.compressed;
        let mut violations = 0;
        let then = loop {
            stream.skip(&mut at, data.len());
            // Not where the first one has ended: what follows there begins none.
            if stream.is_between_messages() && at > run.bytes && at < data.len() {
                let run = runs(&data[at..]);
                add_run(&mut batch, &run);
                at += run.bytes;
            }
            match self.element(&stream, data, at, &mut violations) {
                Element::End | Element::Incomplete => break Then::Continue,
                Element::Violation(frame) => break Then::Close(frame),
                Element::Close(end, result) => {
                    at = end;
                    break Then::PeerClosed(result);
                }
                // It is cut out of the stream, so what follows it must be moved.
                Element::OwnPong(..) => return self.walk(data, 0, Batch::default(), now),
                Element::Frame(_) if stream.open == Some(Open::Dropped) => {
                    return self.walk(data, 0, Batch::default(), now);
                }
                Element::Frame(header) => {
                    compressed |= header.rsv1();
                    batch.add(&header);
                    stream.begin(&header, false);
                    at += header.len();
                }
            }
        };
        if let Some(asks) = self.first_that_asks(&batch, now) {
            // The policies in front of it have charged for the whole batch; `walk` returns what it does not deliver.
            return self.walk(data, asks, batch, now);
        }
        self.stream = stream;
        if matches!(then, Then::Close(_)) {
            // Not in the loop: a walk would find the violation again, and count it twice.
            self.telemetry.violated(FRAMING, Enforcement::Close);
        }
        if batch.messages.frames > 0 || batch.continuations.frames > 0 {
            self.data_came(batch.messages.frames > 0, now);
        }
        self.compressed = compressed;
        self.counters.messages_in += u64::from(batch.messages.frames);
        self.counters.violations += violations;
        Admitted { deliver: at, rest: at, then }
    }

    /// Offers a batch to the policies, up to the first that wants its frames one by one. Returns its place.
    #[inline]
    pub(super) fn first_that_asks(&mut self, batch: &Batch, now: Instant) -> Option<usize> {
        if batch.is_empty() {
            return None;
        }
        let mut input_watchers = self.input_watchers.of(self.policies.len());
        input_watchers.find(|index| self.policies[*index].on_batch(batch, now) == BatchVerdict::OneByOne)
    }

    /// Judges frame by frame. The first `charged` policies have charged for the whole `batch` already.
    #[cold]
    pub(super) fn walk(&mut self, data: &mut [u8], charged: usize, batch: Batch, now: Instant) -> Admitted {
        let mut done = Batch::default();
        let (mut at, mut kept, mut violations) = (0, 0, 0);
        let then = loop {
            let payload = self.stream.skip(&mut at, data.len());
            if !self.stream.discarding {
                keep(data, payload, &mut kept);
            }
            let stream = self.stream;
            match self.element(&stream, data, at, &mut violations) {
                Element::End | Element::Incomplete => break Then::Continue,
                Element::Violation(frame) => {
                    self.telemetry.violated(FRAMING, Enforcement::Close);
                    break Then::Close(frame);
                }
                Element::Close(end, result) => {
                    keep(data, at..end, &mut kept);
                    at = end;
                    break Then::PeerClosed(result);
                }
                Element::OwnPong(end, ping) => {
                    at = end;
                    self.answered(ping, now);
                }
                Element::Frame(header) => match self.judge(&header, charged, now) {
                    Ruling::Keep => {
                        keep(data, at..at + header.len(), &mut kept);
                        at += header.len();
                        done.add(&header);
                        self.counters.messages_in += u64::from(header.starts_message());
                        self.compressed |= header.rsv1();
                        self.stream.begin(&header, false);
                        self.walked(&header, now);
                    }
                    Ruling::Drop => {
                        at += header.len();
                        self.counters.dropped += u64::from(header.opcode() != Opcode::CONTINUATION);
                        self.stream.begin(&header, true);
                        self.walked(&header, now);
                    }
                    Ruling::Delay(until) => {
                        // The policies in front have judged it for good, and keep their charge. `resumed` is the place
                        // of the first that has not.
                        done.add(&header);
                        break Then::Delay(until);
                    }
                    Ruling::Close(frame) => break Then::Close(frame),
                },
            }
        };
        self.counters.violations += violations;
        // Also if the connection closes: a quota may be shared with other connections, which must not pay for frames
        // that were never delivered.
        self.refund(0..charged, &batch.minus(&done));
        Admitted { deliver: kept, rest: at, then }
    }

    fn walked(&mut self, header: &FrameHeader, now: Instant) {
        if !header.opcode().is_control() {
            self.data_came(header.starts_message(), now);
        }
    }

    /// Asks the policies about one frame, from the first that has not charged for it yet.
    fn judge(&mut self, header: &FrameHeader, charged: usize, now: Instant) -> Ruling {
        let resumed = self.resumed.take();
        let first = resumed.map_or(charged, Place::index);
        // Where the refund begins if the frame is refused. In a batch, `walk` itself refunds the first `charged`. A
        // frame that was delayed is not in the batch any more, so the policies before the delay are refunded here.
        let owed = if resumed.is_some() { 0 } else { charged };
        let dropping = self.stream.open == Some(Open::Dropped) && header.opcode() == Opcode::CONTINUATION;
        if dropping {
            return self.judge_dropped(header, first, now);
        }
        for index in self.input_watchers.of(self.policies.len()).filter(|index| *index >= first) {
            let (answer, ruling) = match self.policies[index].on_frame(header, now) {
                Verdict::Pass => continue,
                Verdict::Drop if self.droppable(header) => (Enforcement::Drop, Ruling::Drop),
                Verdict::Drop => (Enforcement::Close, Ruling::Close(undroppable())),
                Verdict::Delay(until) => {
                    (self.resumed, self.delaying) = (Some(Place::of(index + 1)), Place::of(index));
                    (Enforcement::Delay, Ruling::Delay(until))
                }
                Verdict::AskAgain(until) => {
                    // A policy may answer this again and again about one frame. That is one violation.
                    let place = Place::of(index);
                    let noted = resumed == Some(place) && self.delaying == place;
                    (self.resumed, self.delaying) = (Some(place), place);
                    if noted {
                        return Ruling::Delay(until);
                    }
                    (Enforcement::Delay, Ruling::Delay(until))
                }
                Verdict::Close(frame) => (Enforcement::Close, Ruling::Close(frame)),
            };
            if !matches!(ruling, Ruling::Delay(_)) {
                self.refund(owed..index, &Batch::of(header));
            }
            self.telemetry.violated(self.policies[index].name(), answer);
            return ruling;
        }
        Ruling::Keep
    }

    /// Asks the policies about the next fragment of a message that is being dropped. Every charge for it is refunded,
    /// and no delay applies, but a policy may still close the connection.
    fn judge_dropped(&mut self, header: &FrameHeader, first: usize, now: Instant) -> Ruling {
        for index in self.input_watchers.of(self.policies.len()).filter(|index| *index >= first) {
            let policy = &mut self.policies[index];
            match policy.on_frame(header, now) {
                Verdict::Pass | Verdict::Delay(_) => policy.on_refund(&Batch::of(header)),
                Verdict::Drop | Verdict::AskAgain(_) => {}
                Verdict::Close(frame) => {
                    self.telemetry.violated(policy.name(), Enforcement::Close);
                    return Ruling::Close(frame);
                }
            }
        }
        Ruling::Drop
    }

    /// Ends a delay whose frames will not be delivered. Charges for the first of them are refunded; no policy was asked
    /// about the others yet.
    pub(super) fn forget_delay(&mut self) {
        self.inbox.forget_delay();
        let Some(charged) = self.resumed.take() else { return };
        if let Some(header) = FrameHeader::parse(self.inbox.backlog()) {
            self.refund(0..charged.index(), &Batch::of(&header));
        }
    }

    /// Whether a frame can be dropped without breaking the stream.
    ///
    /// If compression is in use, leaving out a message would corrupt the context of the handler's decompressor. And a
    /// continuation cannot be left out of a message whose beginning was delivered.
    fn droppable(&self, header: &FrameHeader) -> bool {
        let compressed = self.compressed || header.rsv1();
        header.opcode().is_control() || (header.starts_message() && !compressed)
    }

    fn refund(&mut self, policies: Range<usize>, batch: &Batch) {
        if batch.is_empty() {
            return;
        }
        for policy in &mut self.policies[policies] {
            policy.on_refund(batch);
        }
    }

    pub(super) fn answered(&mut self, ping: u32, now: Instant) {
        self.pings.answered = ping;
        // A peer may answer only the newest of several pings (RFC 6455, section 5.5.3). A late answer to an older one
        // shows that the peer was there, but says nothing about the round trip now.
        let Some(sent) = self.pings.last.filter(|_| ping == self.pings.sent) else { return };
        let round_trip = now.saturating_duration_since(sent);
        self.pings.took(round_trip);
        self.telemetry.answered(round_trip);
        self.others_told = true;
        for policy in &mut self.policies {
            policy.on_pong(round_trip, now);
        }
    }
}

/// The close in place of a drop that is not possible.
fn undroppable() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "message refused")
}

/// Counts the messages of a run.
#[inline]
pub(super) fn add_run(batch: &mut Batch, run: &Run) {
    batch.add_messages(run.messages, run.payload(Form::MASKED) as u64, run.longest as u64);
}

/// Moves a range to the end of what is kept.
fn keep(data: &mut [u8], range: Range<usize>, kept: &mut usize) {
    let len = range.len();
    if range.start != *kept {
        data.copy_within(range, *kept);
    }
    *kept += len;
}
