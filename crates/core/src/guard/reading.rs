//! What becomes of bytes that were read of the transport.

use std::time::Instant;

use super::{Guard, Then};

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

    /// Keeps what was read for a handler that does not read.
    pub(crate) fn peeked(&mut self, bytes: &[u8]) {
        self.received(bytes.len());
        self.inbox.peeked(bytes);
    }

    /// Whether there is any use in looking at what the handler has not read.
    pub(crate) fn may_peek(&self) -> bool {
        self.inbox.delayed().is_none() && !self.discarded.closed()
    }

    /// What the handler has not read was looked at, for policies that are about to judge the peer.
    pub(crate) fn looked(&mut self) {
        let stuck_ping = !self.outbox.is_empty() && !self.outbound_at_boundary();
        let delayed = self.inbox.delayed().is_some();
        self.standing.read = self.standing.received.saturating_sub(self.inbox.kept() as u64);
        self.standing.unread = self.inbox.has_unread();
        self.standing.hidden = delayed || (self.inbox.is_waiting() && self.inbox.is_full()) || stuck_ping;
    }

    /// Whether the peer has sent more than `bytes` that nobody reads.
    #[inline]
    pub(crate) fn has_discarded_more_than(&self, bytes: u64) -> bool {
        self.discarded.exceeds(bytes)
    }
}
