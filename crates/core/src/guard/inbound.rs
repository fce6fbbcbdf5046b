//! What the peer sends: judged by headers, in place, before any of it is delivered.

use std::{ops::Range, time::Instant};

use super::{
    Guard, rules,
    stream::{Open, SHORT_HEADER, Stream, short_message},
};
use crate::{
    close::{CloseCode, CloseFrame, MalformedClose},
    frame::{FrameHeader, MAX_CONTROL, Opcode, apply_mask},
    observe::{Enforcement, FRAMING},
    policy::{Batch, BatchVerdict, Verdict},
    settings::Framing,
};

/// What was decided about one read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// So many bytes at the front may be delivered.
    pub(crate) deliver: usize,
    /// What begins here was not judged yet, or not admitted.
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
    /// Present the rest again at that time, and read nothing before.
    Delay(Instant),
    /// Close the connection; the rest is refused.
    Close(CloseFrame),
    /// The peer closes; what it sends behind that is refused. The frame was delivered.
    PeerClosed(Result<CloseFrame, MalformedClose>),
}

/// What stands at a place in the stream.
enum Element {
    End,
    Incomplete,
    Violation(CloseFrame),
    Close(usize, Result<CloseFrame, MalformedClose>),
    OwnPong(usize, u32),
    Frame(FrameHeader),
}

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
        match self.whole_messages(data) {
            Some(whole) => self.admit_whole(data, &whole, now).unwrap_or_else(|| Admitted::all(data)),
            None => self.admit_any(data, now),
        }
    }

    /// Judges what was read, whatever it is.
    pub(super) fn admit_any(&mut self, data: &mut [u8], now: Instant) -> Admitted {
        // A scan can deliver a prefix and nothing else. Where payload is to be cut out, or where some policies have
        // judged the first frame already, frames must be walked.
        let discarding = self.stream.discarding && !self.stream.is_between_messages();
        let piecemeal = discarding || self.resumed.is_some();
        let payload_came = self.stream.payload_left > 0 && !data.is_empty();
        if payload_came {
            self.activity.last_message_in = Some(now);
        }
        let admission = if piecemeal { self.walk(data, 0, Batch::default(), now) } else { self.scan(data, now) };
        self.admitted(admission)
    }

    /// Notes what comes of a read, however it was judged.
    pub(super) fn admitted(&mut self, admission: Admitted) -> Admitted {
        self.counters.bytes_in += admission.deliver as u64;
        if !self.stream.in_message() {
            self.activity.unfinished_since = None;
        }
        admission
    }

    /// Data frames were delivered or dropped, a message's first among them or not.
    #[inline]
    fn data_came(&mut self, first: bool, now: Instant) {
        self.activity.last_message_in = Some(now);
        // If a message is unfinished after this read, it is the last that began.
        if first || self.activity.unfinished_since.is_none() {
            self.activity.unfinished_since = Some(now);
        }
    }

    /// One pass over the headers; most reads need no other.
    fn scan(&mut self, data: &mut [u8], now: Instant) -> Admitted {
        // On a copy: until the last policy has answered for the batch, this pass may be given up, and `walk` then
        // begins where it began.
        let mut stream = self.stream;
        // A dropped message, if it was the last, is over.
        stream.discarding = false;
        let (mut at, mut batch) = (0, Batch::default());
        let mut compressed = self.compressed;
        let mut violations = 0;
        let then = loop {
            stream.skip(&mut at, data.len());
            while let Some(len) = short_message_at(&stream, data, at) {
                batch.add_message(len);
                at += SHORT_HEADER;
                stream.payload_left = len;
                stream.skip(&mut at, data.len());
            }
            match self.element(&stream, data, at, &mut violations) {
                Element::End | Element::Incomplete => break Then::Continue,
                Element::Violation(frame) => break Then::Close(frame),
                Element::Close(end, result) => {
                    at = end;
                    break Then::PeerClosed(result);
                }
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
            return self.walk(data, asks, batch, now);
        }
        self.stream = stream;
        if matches!(then, Then::Close(_)) {
            // Not before: a walk would come upon the broken rule again.
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

    /// Offers a batch to the policies, up to the first that wants its frames one by one.
    #[inline]
    pub(super) fn first_that_asks(&mut self, batch: &Batch, now: Instant) -> Option<usize> {
        if batch.is_empty() {
            return None;
        }
        let mut input_watchers = self.input_watchers.of(self.policies.len());
        input_watchers.find(|index| self.policies[*index].on_batch(batch, now) == BatchVerdict::OneByOne)
    }

    /// Frame by frame. The first `charged` policies have charged for the whole `batch`.
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
                        // Those in front have judged it for good, and keep what they charged; `resumed` says who goes
                        // on.
                        done.add(&header);
                        break Then::Delay(until);
                    }
                    Ruling::Close(frame) => break Then::Close(frame),
                },
            }
        };
        self.counters.violations += violations;
        // On a close, too: those who share a quota with this connection must not pay for what nobody got.
        self.refund(0..charged, &batch.minus(&done));
        Admitted { deliver: kept, rest: at, then }
    }

    fn walked(&mut self, header: &FrameHeader, now: Instant) {
        if !header.opcode().is_control() {
            self.data_came(header.starts_message(), now);
        }
    }

    /// Asks the policies about one frame, from the first that has not yet charged for it.
    fn judge(&mut self, header: &FrameHeader, charged: usize, now: Instant) -> Ruling {
        let resumed = self.resumed.take();
        let first = resumed.unwrap_or(charged);
        // Those in front of it were not given back what they charged when the frame was delayed.
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
                    (self.resumed, self.delaying) = (Some(index + 1), index);
                    (Enforcement::Delay, Ruling::Delay(until))
                }
                Verdict::AskAgain(until) => {
                    let noted = resumed == Some(index) && self.delaying == index;
                    (self.resumed, self.delaying) = (Some(index), index);
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

    /// Asks about the next part of a message that is dropped. Nobody keeps a charge for it, and nothing delays it; it
    /// may still close the connection.
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

    /// Nobody will be delivered what a delay holds back. What was charged for its first frame is given back; nobody was
    /// asked about the others.
    pub(super) fn forget_delay(&mut self) {
        self.inbox.forget_delay();
        let Some(charged) = self.resumed.take() else { return };
        if let Some(header) = FrameHeader::parse(self.inbox.backlog()) {
            self.refund(0..charged, &Batch::of(&header));
        }
    }

    // A message that is left out of a compressed stream would take the decompressor's context with it.
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

    #[inline]
    fn element(&self, stream: &Stream, data: &[u8], at: usize, violations: &mut u64) -> Element {
        if at == data.len() {
            return Element::End;
        }
        let Some(header) = FrameHeader::parse(&data[at..]) else {
            return Element::Incomplete;
        };
        let checked = rules::check(&header, stream.open.is_some(), self.compression);
        if let (Err(violation), Framing::Enforce) = (checked, self.framing) {
            return Element::Violation(violation.close_frame());
        }
        // An overlong control frame gets here on report only, and passes as any frame does: to wait for all of it would
        // be to keep as much as its header declares.
        let element = if header.opcode().is_control() && header.payload_len() <= MAX_CONTROL as u64 {
            self.control(&header, data, at)
        } else {
            Element::Frame(header)
        };
        // What is presented again, for want of its payload or after a delay, is counted once.
        if checked.is_err() && self.resumed.is_none() && !matches!(element, Element::Incomplete) {
            *violations += 1;
        }
        element
    }

    /// A control frame is looked at when all of it is there.
    fn control(&self, header: &FrameHeader, data: &[u8], at: usize) -> Element {
        let start = at + header.len();
        let mut payload = [0; MAX_CONTROL];
        let len = usize::try_from(header.payload_len()).unwrap_or(MAX_CONTROL);
        let Some(masked) = data.get(start..start + len) else {
            return Element::Incomplete;
        };
        let payload = &mut payload[..len];
        payload.copy_from_slice(masked);
        apply_mask(payload, header.mask().unwrap_or_default());
        match header.opcode() {
            Opcode::CLOSE => Element::Close(start + len, CloseFrame::parse(payload)),
            Opcode::PONG => match self.pings.answered_by(payload) {
                Some(ping) => Element::OwnPong(start + len, ping),
                None => Element::Frame(*header),
            },
            _ => Element::Frame(*header),
        }
    }

    pub(super) fn answered(&mut self, ping: u32, now: Instant) {
        self.pings.answered = ping;
        // A peer may answer the newest ping alone (RFC 6455, section 5.5.3). An answer to an older one that comes late
        // says that the peer is there, but not how long it takes.
        let Some(sent) = self.pings.last.filter(|_| ping == self.pings.sent) else { return };
        let round_trip = now.saturating_duration_since(sent);
        self.round_trip = Some(round_trip);
        self.telemetry.answered(round_trip);
        self.input_watchers.others_told = true;
        for policy in &mut self.policies {
            policy.on_pong(round_trip, now);
        }
    }
}

fn undroppable() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "message refused")
}

/// The payload's length of the short message that begins here, if one does.
#[inline]
fn short_message_at(stream: &Stream, data: &[u8], at: usize) -> Option<u64> {
    let [first, second, ..]: [u8; SHORT_HEADER] = *data.get(at..)?.first_chunk()?;
    let len = short_message(first, second).filter(|_| stream.is_between_messages())?;
    Some(len as u64)
}

/// Moves a range to the end of what is kept.
fn keep(data: &mut [u8], range: Range<usize>, kept: &mut usize) {
    let len = range.len();
    if range.start != *kept {
        data.copy_within(range, *kept);
    }
    *kept += len;
}
