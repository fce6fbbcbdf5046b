//! What was read of the transport and is not the handler's yet.

use std::{ops::Range, time::Instant, vec::Drain};

use crate::carrier::Carrier;

/// The most that is read for a handler that does not read, to see whether its peer is there.
pub(crate) const SIDE: usize = 4 * 1024;

/// The most that is held back for a delay where what is unread holds up others.
pub(crate) const HELD_BACK: usize = 16 * 1024;

/// Bytes on their way from the transport to the handler.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Most connections never have any.
    waiting: Option<Box<Waiting>>,
    /// The backlog may hold whole frames: it is to be judged before more is read.
    resumed: bool,
    /// It was delayed once, and so no read is large again.
    capped: bool,
    /// What is unread of a stream takes up the window of the connection, which others share.
    carrier: Carrier,
}

/// What waits, and for what.
#[derive(Debug, Default)]
struct Waiting {
    /// Not admitted: an incomplete header or control frame, or what waits for a delay.
    backlog: Vec<u8>,
    /// Admitted, and not delivered yet for want of room.
    admitted: Vec<u8>,
    /// Nothing is read before that time.
    delayed: Option<Instant>,
}

impl Inbox {
    /// What was read before there was anybody to read it.
    pub(super) fn open(&mut self, bytes: Vec<u8>, carrier: Carrier) {
        self.resumed = !bytes.is_empty();
        if self.resumed {
            self.waiting().backlog = bytes;
        }
        self.carrier = carrier;
    }

    /// Whether nothing waits, and never was delayed.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let waits = |waiting: &Waiting| !(waiting.backlog.is_empty() && waiting.admitted.is_empty());
        !(self.waiting.as_deref().is_some_and(waits) | self.resumed | self.capped)
    }

    /// Takes admitted bytes, `room` of them at most.
    #[inline]
    pub(crate) fn deliver(&mut self, room: usize) -> Option<Drain<'_, u8>> {
        let admitted = &mut self.waiting.as_deref_mut()?.admitted;
        if admitted.is_empty() { None } else { Some(take(admitted, room)) }
    }

    /// Keeps what was admitted and finds no room.
    pub(crate) fn admit(&mut self, bytes: &[u8]) {
        self.waiting().admitted.extend_from_slice(bytes);
    }

    /// The last that the handler reads: what was admitted, and `frame` behind it.
    pub(super) fn finish(&mut self, frame: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let waiting = self.waiting();
        frame(&mut waiting.admitted);
        waiting.delayed = None;
        std::mem::take(&mut waiting.backlog)
    }

    /// What waits, to be judged together with what comes behind it.
    #[inline]
    pub(crate) fn backlog(&self) -> &[u8] {
        self.waiting.as_deref().map_or(&[], |waiting| &waiting.backlog)
    }

    /// Takes what waits for its turn, as much as there is `room` for. `None` if it waits for more input.
    #[inline]
    pub(crate) fn resume(&mut self, room: usize) -> Option<Drain<'_, u8>> {
        let resumed = std::mem::take(&mut self.resumed);
        if resumed && !self.backlog().is_empty() { Some(self.take_backlog(room)) } else { None }
    }

    /// Takes what waits, as much as there is `room` for. The rest may hold whole frames: it must not wait for more.
    pub(crate) fn take_backlog(&mut self, room: usize) -> Drain<'_, u8> {
        self.resumed = self.backlog().len() > room;
        take(&mut self.waiting().backlog, room)
    }

    /// What waited was judged, together with what came behind it.
    #[inline]
    pub(crate) fn clear_backlog(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.backlog.clear();
        }
    }

    /// Puts what was not admitted in front of what comes next.
    #[inline]
    pub(super) fn put_back(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.waiting().backlog.splice(0..0, rest.iter().copied()).for_each(drop);
        }
    }

    /// Keeps what was read for a handler that does not read.
    pub(super) fn peeked(&mut self, bytes: &[u8]) {
        self.waiting().backlog.extend_from_slice(bytes);
        self.resumed = true;
    }

    /// Takes out a part of what waits.
    pub(super) fn cut(&mut self, part: Range<usize>) {
        self.waiting().backlog.drain(part);
    }

    pub(super) fn delay(&mut self, until: Instant) {
        self.waiting().delayed = Some(until);
        self.capped = true;
    }

    #[inline]
    pub(super) fn delayed(&self) -> Option<Instant> {
        self.waiting.as_deref()?.delayed
    }

    /// Ends a delay.
    pub(super) fn end_delay(&mut self) {
        self.forget_delay();
        self.resumed = true;
    }

    /// Ends a delay without another look at what it held back: a close is decided.
    pub(super) fn forget_delay(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.delayed = None;
        }
    }

    /// Whether input is read while it is delayed, and held back here.
    pub(super) fn reads_on(&self) -> bool {
        self.carrier.is_stream() && self.delayed().is_some()
    }

    /// Whether more came during a delay than is held back.
    pub(super) fn overflows(&self) -> bool {
        self.reads_on() && self.backlog().len() > HELD_BACK
    }

    /// Whether reads are to be small.
    #[inline]
    pub(crate) fn is_capped(&self) -> bool {
        self.capped
    }

    /// Whether no more is read for a handler that does not read.
    pub(super) fn is_full(&self) -> bool {
        !self.reads_on() && self.backlog().len() >= SIDE
    }

    /// Bytes that came and that the handler has not been given.
    pub(super) fn kept(&self) -> usize {
        self.waiting.as_deref().map_or(0, |waiting| waiting.backlog.len() + waiting.admitted.len())
    }

    /// Whether whole frames may wait in the backlog.
    pub(super) fn is_waiting(&self) -> bool {
        self.resumed && !self.backlog().is_empty()
    }

    pub(super) fn has_unread(&self) -> bool {
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
