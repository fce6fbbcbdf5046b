//! What becomes of bytes that were read of the transport.

use std::{ops::Range, time::Instant};

use super::{Guard, Then};
use crate::frame::{FrameHeader, MAX_CONTROL, Opcode, apply_mask};

impl Guard {
    /// So many bytes came in, whoever reads them.
    #[inline]
    pub(crate) fn received(&mut self, bytes: usize) {
        self.standing.received += bytes as u64;
    }

    /// Judges what was read, in place, and keeps what waits. Returns how many bytes at the front may be delivered. The
    /// clock is asked only where it decides.
    #[inline]
    pub(crate) fn read(&mut self, data: &mut [u8], now: impl Fn() -> Instant) -> usize {
        if self.discarded.closed() {
            // RFC 6455, section 5.5.1: nothing follows a close frame.
            self.discarded.feed(data);
            return 0;
        }
        let looks = self.has_policies() || self.notes.counts_read();
        let at = self.standing.opened.filter(|_| !looks).unwrap_or_else(&now);
        self.notes.tick(at);
        let admission = self.admit(data, at);
        let rest = &data[admission.rest..];
        match admission.then {
            Then::Continue => self.inbox.put_back(rest),
            Then::Delay(until) => {
                self.inbox.put_back(rest);
                self.inbox.delay(until);
            }
            Then::Close(frame) => {
                self.discarded.follow(0, rest);
                self.close(frame, None, now());
            }
            Then::PeerClosed(result) => {
                self.peer_closed(result);
                self.discarded.feed(rest);
            }
        }
        let deadline = self.deadline_after_read();
        self.rearm(deadline);
        admission.deliver
    }

    /// Keeps what was read for a handler that does not read, but for answers to the guard's own pings: those of a handler
    /// that never reads would fill the inbox, and nobody could be judged any more.
    pub(crate) fn peeked(&mut self, bytes: &[u8], now: Instant) {
        self.received(bytes.len());
        self.inbox.peeked(bytes);
        self.take_own_pongs(now);
    }

    fn take_own_pongs(&mut self, now: Instant) {
        let mut at = usize::try_from(self.inbound_payload_left()).unwrap_or(usize::MAX);
        while let Some(header) = self.inbox.backlog().get(at..).and_then(FrameHeader::parse) {
            let payload = at + header.len();
            let Some(end) = usize::try_from(header.payload_len()).ok().and_then(|len| payload.checked_add(len)) else {
                return;
            };
            match self.own_pong(&header, payload..end) {
                Some(ping) => {
                    self.inbox.cut(at..end);
                    self.answered(ping, now);
                }
                None => at = end,
            }
        }
    }

    /// The ping of the guard's own that a frame of the inbox answers.
    fn own_pong(&self, header: &FrameHeader, payload: Range<usize>) -> Option<u32> {
        if header.opcode() != Opcode::PONG || !header.fin() || payload.len() > MAX_CONTROL {
            return None;
        }
        let mut pong = self.inbox.backlog().get(payload)?.to_vec();
        apply_mask(&mut pong, header.mask()?);
        self.pings.answered_by(&pong)
    }

    /// Whether there is any use in looking at what the handler has not read.
    pub(crate) fn may_peek(&self) -> bool {
        !self.discarded.closed()
    }

    /// What the handler has not read was looked at, for policies that are about to judge the peer. Of a peer whose stream
    /// is `over` nothing is hidden: it answers no ping, whether or not that can be sent.
    pub(crate) fn looked(&mut self, over: bool) {
        let stuck_ping = !self.outbox.is_empty() && !self.outbound_at_boundary();
        self.standing.read = self.standing.received.saturating_sub(self.inbox.kept() as u64);
        self.standing.unread = self.inbox.has_unread();
        self.standing.hidden = !over && ((self.inbox.has_unread() && self.inbox.is_full()) || stuck_ping);
    }

    /// Whether the peer has sent more than `bytes` that nobody reads.
    #[inline]
    pub(crate) fn has_discarded_more_than(&self, bytes: u64) -> bool {
        self.discarded.exceeds(bytes)
    }
}
