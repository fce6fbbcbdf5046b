//! What was read from the transport and not delivered to the handler yet.
//!
//! All of it is bounded: half a header or control frame, what was read to look for a peer that is judged, and what a
//! delay holds back.
//!
//! | What | Where | Bound |
//! | --- | --- | --- |
//! | an incomplete header or control frame | `backlog` | 139 bytes |
//! | what the driver has read ahead | `backlog` | [`SIDE`], and one read |
//! | what a delay holds back over TCP | `backlog` | the rest of one read, which is capped at 16 KiB once there was a delay |
//! | what a delay holds back over HTTP/2 | `backlog` | [`HELD_BACK`], then the connection is closed |
//! | admitted, and no room in the caller's buffer | `admitted` | one read |
//!
//! `resumed` is what distinguishes a backlog that can be judged now from one that needs more input first. Without it,
//! half a header would be judged again and again, and a whole frame that the driver has read ahead would wait for input
//! that may never come.

use std::{ops::Range, time::Instant, vec::Drain};

use crate::carrier::Carrier;

/// The most that is read ahead of a handler that does not read, to see whether its peer is there.
pub(crate) const SIDE: usize = 4 * 1024;

/// The most that is held back during a delay over HTTP/2, where unread input blocks other streams.
pub(crate) const HELD_BACK: usize = 16 * 1024;

/// Bytes on their way from the transport to the handler.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Boxed: most connections never have any.
    waiting: Option<Box<Waiting>>,
    /// The backlog may hold whole frames, which are judged before more is read.
    resumed: bool,
    /// The connection was delayed once. From then on reads are small, since what is read behind a delayed frame is
    /// kept.
    capped: bool,
    /// Unread input of a stream uses up the flow-control window of its connection, which other streams share.
    carrier: Carrier,
}

/// What waits, and for what.
#[derive(Debug, Default)]
struct Waiting {
    /// Not admitted: an incomplete header or control frame, or what a delay holds back.
    backlog: Vec<u8>,
    /// Admitted, and not delivered yet because the caller's buffer was full.
    admitted: Vec<u8>,
    /// Nothing is delivered before that time.
    delayed: Option<Instant>,
}

impl Inbox {
    /// Begins with what hyper or the gate has read ahead.
    pub(super) fn open(&mut self, bytes: Vec<u8>, carrier: Carrier) {
        self.resumed = !bytes.is_empty();
        if self.resumed {
            self.waiting().backlog = bytes;
        }
        self.carrier = carrier;
    }

    /// What the WebSocket runs over.
    #[inline]
    pub(super) fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Whether nothing waits, and nothing was ever delayed.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let is_empty = |waiting: &Waiting| waiting.backlog.is_empty() && waiting.admitted.is_empty();
        !(self.resumed | self.capped) && self.waiting.as_deref().is_none_or(is_empty)
    }

    /// Takes up to `room` admitted bytes.
    #[inline]
    pub(crate) fn deliver(&mut self, room: usize) -> Option<Drain<'_, u8>> {
        let admitted = &mut self.waiting.as_deref_mut()?.admitted;
        if admitted.is_empty() { None } else { Some(take(admitted, room)) }
    }

    /// Keeps what was admitted for a later call.
    pub(crate) fn admit(&mut self, bytes: &[u8]) {
        self.waiting().admitted.extend_from_slice(bytes);
    }

    /// Ends what the handler reads: what was admitted, and `frame` behind it. Returns what was not admitted.
    pub(super) fn finish(&mut self, frame: Option<impl FnOnce(&mut Vec<u8>)>) -> Vec<u8> {
        if let Some(frame) = frame {
            frame(&mut self.waiting().admitted);
        }
        let Some(waiting) = &mut self.waiting else { return Vec::new() };
        waiting.delayed = None;
        std::mem::take(&mut waiting.backlog)
    }

    /// What waits, to be judged together with what comes behind it.
    #[inline]
    pub(crate) fn backlog(&self) -> &[u8] {
        self.waiting.as_deref().map_or(&[], |waiting| &waiting.backlog)
    }

    /// Takes up to `room` bytes of a backlog that is to be judged now. `None` if it waits for more input.
    #[inline]
    pub(crate) fn resume(&mut self, room: usize) -> Option<Drain<'_, u8>> {
        let resumed = std::mem::take(&mut self.resumed);
        if resumed && !self.backlog().is_empty() { Some(self.take_backlog(room)) } else { None }
    }

    /// Takes up to `room` bytes of the backlog. The rest may hold whole frames, so it does not wait for more input.
    pub(crate) fn take_backlog(&mut self, room: usize) -> Drain<'_, u8> {
        self.resumed = self.backlog().len() > room;
        take(&mut self.waiting().backlog, room)
    }

    /// The backlog was judged, together with what was read behind it.
    #[inline]
    pub(crate) fn clear_backlog(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.backlog.clear();
        }
    }

    /// Puts what was not admitted in front of what is read next.
    #[inline]
    pub(super) fn put_back(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.waiting().backlog.splice(0..0, rest.iter().copied()).for_each(drop);
        }
    }

    /// Keeps what the driver has read ahead of the handler.
    pub(super) fn peeked(&mut self, bytes: &[u8]) {
        self.waiting().backlog.extend_from_slice(bytes);
        self.resumed = true;
    }

    /// Cuts a part out of the backlog.
    pub(super) fn cut(&mut self, part: Range<usize>) {
        self.waiting().backlog.drain(part);
    }

    /// Holds the backlog back until that time.
    pub(super) fn delay(&mut self, until: Instant) {
        self.waiting().delayed = Some(until);
        self.capped = true;
    }

    #[inline]
    pub(super) fn delayed(&self) -> Option<Instant> {
        self.waiting.as_deref()?.delayed
    }

    /// Ends a delay: what it held back is judged next.
    pub(super) fn end_delay(&mut self) {
        self.forget_delay();
        self.resumed = true;
    }

    /// Ends a delay because a close was decided: what it held back is not judged any more.
    pub(super) fn forget_delay(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.delayed = None;
        }
    }

    /// Whether input is read during a delay, and held back here.
    pub(super) fn reads_on(&self) -> bool {
        self.carrier.is_stream() && self.delayed().is_some()
    }

    /// Whether the peer has sent more during a delay than may be held back.
    pub(super) fn overflows(&self) -> bool {
        self.reads_on() && self.backlog().len() > HELD_BACK
    }

    /// Whether reads must be small.
    #[inline]
    pub(crate) fn is_capped(&self) -> bool {
        self.capped
    }

    /// Whether no more is read ahead of the handler.
    pub(super) fn is_full(&self) -> bool {
        !self.reads_on() && self.backlog().len() >= SIDE
    }

    /// How many bytes were received and not delivered.
    pub(super) fn kept(&self) -> usize {
        self.waiting.as_deref().map_or(0, |waiting| waiting.backlog.len() + waiting.admitted.len())
    }

    /// Whether whole frames may wait in the backlog.
    pub(super) fn is_waiting(&self) -> bool {
        self.resumed && !self.backlog().is_empty()
    }

    pub(crate) fn has_unread(&self) -> bool {
        let admitted = |waiting: &Waiting| !waiting.admitted.is_empty();
        self.is_waiting() || self.delayed().is_some() || self.waiting.as_deref().is_some_and(admitted)
    }

    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }
}

fn take(bytes: &mut Vec<u8>, room: usize) -> Drain<'_, u8> {
    let some = bytes.len().min(room);
    bytes.drain(..some)
}
