//! What becomes of bytes that were read from the transport.
//!
//! Bytes come from two sides: from a read by the handler, in its own buffer ([`Guard::read`]), and from the driver,
//! which reads ahead into the inbox to find out whether a silent peer is there ([`Guard::peeked`]). The second kind is
//! not judged until the handler reads it, so that a policy sees the frames of a connection in one order, by whichever
//! way they came. Only pongs to the guard's own pings are taken out at once: they are the reason for the look.
//!
//! After an admission, what was not admitted has one of three places:
//!
//! - An incomplete header or control frame, and what a delay holds back, returns to the inbox.
//! - What follows a close, of either side, is followed by [`Discarded`] and dropped.
//! - What a policy dropped is overwritten by what comes behind it.

use std::time::Instant;

use super::{
    Discarded, Guard,
    inbound::{Admitted, Then},
    phase::Phase,
    pings::PING_PAYLOAD,
};
use crate::{
    close::{CloseCode, CloseFrame},
    frame::{FrameHeader, Opcode, apply_mask},
    observe::Enforcement,
};

impl Guard {
    /// `bytes` bytes came in, read by the handler or by the driver.
    #[inline]
    pub(crate) fn received(&mut self, bytes: usize) {
        self.activity.received += bytes as u64;
    }

    /// Judges what was read, in place, and keeps what has to wait. Returns how many bytes at the front may be
    /// delivered. The clock is read only if it matters.
    #[inline]
    pub(crate) fn read(&mut self, data: &mut [u8], now: impl Fn() -> Instant) -> usize {
        if self.peer_has_said_all() {
            // RFC 6455, section 5.5.1: nothing follows a close frame.
            self.discarded_mut().feed(data);
            return 0;
        }
        let looks = self.has_policies() || self.telemetry.counts_read();
        // Reading the clock is not free. If nothing will be compared with the time, any will do.
        let at = if looks { now() } else { self.activity.opened.unwrap_or_else(&now) };
        self.telemetry.tick(at);
        let run = self.first_run(data);
        let admission = if run.is_all_of(data) {
            let Some(admission) = self.admit_whole(data, &run, at) else {
                if looks {
                    self.rearm_after_read();
                }
                self.call_is_plain();
                return data.len();
            };
            admission
        } else {
            self.admit_any(data, run, at)
        };
        self.follow(data, admission, looks, now)
    }

    /// Does what follows an admission. Returns how many bytes at the front may be delivered.
    #[inline(never)]
    pub(super) fn follow(&mut self, data: &[u8], admission: Admitted, looks: bool, now: impl Fn() -> Instant) -> usize {
        let rest = &data[admission.rest..];
        match admission.then {
            Then::Continue => self.inbox.put_back(rest),
            Then::Delay(until) => {
                self.inbox.put_back(rest);
                self.inbox.delay(until);
                // Over HTTP/2 the driver reads on during the delay, so it must be there.
                self.wakes.driver |= self.reads_on();
                // The read that brought the delayed frame may have brought more than is held back.
                self.bound_what_is_held_back(now());
            }
            Then::Close(frame) => {
                self.discarded_mut().follow(0, rest);
                self.close(frame, None, now());
            }
            Then::PeerClosed(result) => {
                self.peer_closed(result);
                self.discarded_mut().feed(rest);
            }
        }
        if looks || self.inbox.delayed().is_some() {
            self.rearm_after_read();
        }
        admission.deliver
    }

    #[inline]
    fn rearm_after_read(&mut self) {
        let deadline = self.deadline_after_read();
        self.rearm(deadline);
    }

    /// Keeps what the driver has read ahead of the handler, except answers to the guard's own pings: if a handler never
    /// reads, those would fill the inbox, and a peer whose pongs find no room cannot be judged.
    pub(crate) fn peeked(&mut self, bytes: &[u8], now: Instant) {
        self.received(bytes.len());
        let bytes = self.without_first_pong(bytes, now);
        if bytes.is_empty() {
            return;
        }
        self.inbox.peeked(bytes);
        if self.reads_on() {
            // Only when it is full: walking through it at each read would be quadratic for a peer that sends byte by
            // byte.
            self.bound_what_is_held_back(now);
        } else {
            self.take_own_pongs(now);
        }
    }

    /// Whether the input of a delayed peer is read and held back. Left unread over HTTP/2, it would use up the
    /// connection's flow-control window (RFC 9113, section 5.2.1) and block the other streams, which behind a proxy may
    /// be other users'.
    pub(crate) fn reads_on(&self) -> bool {
        self.inbox.reads_on() && matches!(self.phase, Phase::Open)
    }

    /// Closes the connection if the peer has sent more during a delay than may be held back.
    fn bound_what_is_held_back(&mut self, now: Instant) {
        if !self.inbox.overflows() {
            return;
        }
        // Pongs that the guard has requested must not count against the peer.
        self.take_own_pongs(now);
        if !self.inbox.overflows() {
            return;
        }
        let delaying = self.resumed.and_then(|_| self.policies.get_mut(self.delaying.index()));
        let frame = match delaying {
            Some(policy) => {
                self.telemetry.violated(policy.name(), Enforcement::Close);
                policy.on_overflow()
            }
            None => CloseFrame::new(CloseCode::POLICY_VIOLATION, "too much sent while delayed"),
        };
        self.close(frame, None, now);
    }

    /// Takes the answer to a ping of the guard's own from the front of what the driver has read. Mostly it is all that
    /// was read, and then nothing has to be kept.
    fn without_first_pong<'a>(&mut self, bytes: &'a [u8], now: Instant) -> &'a [u8] {
        let begins_a_frame = self.inbox.backlog().is_empty() && self.inbound_payload_left() == 0;
        let Some(header) = FrameHeader::parse(bytes).filter(|_| begins_a_frame) else { return bytes };
        let end = header.len() + PING_PAYLOAD;
        match bytes.get(header.len()..end).and_then(|payload| self.own_pong(&header, payload)) {
            Some(ping) => {
                self.answered(ping, now);
                &bytes[end..]
            }
            None => bytes,
        }
    }

    /// Takes the answers to the guard's own pings out of the inbox, and notifies the policies of them. Walks over whole
    /// frames, and stops at the first that is incomplete.
    fn take_own_pongs(&mut self, now: Instant) {
        // The backlog begins with the rest of a frame whose header was delivered. Frames behind it begin at a header.
        let mut at = usize::try_from(self.inbound_payload_left()).unwrap_or(usize::MAX);
        while let Some(header) = self.inbox.backlog().get(at..).and_then(FrameHeader::parse) {
            let payload = at + header.len();
            let Some(end) = usize::try_from(header.payload_len()).ok().and_then(|len| payload.checked_add(len)) else {
                return;
            };
            let payload = self.inbox.backlog().get(payload..end);
            match payload.and_then(|payload| self.own_pong(&header, payload)) {
                Some(ping) => {
                    self.inbox.cut(at..end);
                    self.answered(ping, now);
                }
                None => at = end,
            }
        }
    }

    /// The number of the guard's ping that a frame with this payload answers.
    fn own_pong(&self, header: &FrameHeader, payload: &[u8]) -> Option<u32> {
        if header.opcode() != Opcode::PONG || !header.fin() || header.payload_len() != PING_PAYLOAD as u64 {
            return None;
        }
        let mut pong: [u8; PING_PAYLOAD] = payload.try_into().ok()?;
        apply_mask(&mut pong, header.mask()?);
        self.pings.answered_by(&pong)
    }

    /// Whether reading ahead of the handler can show anything, and has room.
    pub(crate) fn may_peek(&self) -> bool {
        !self.peer_has_said_all() && !self.inbox.is_full()
    }

    /// The driver has read ahead, and the policies are about to judge the peer. If its stream is `over`, the judgement
    /// is conclusive: the peer will answer no ping.
    pub(crate) fn looked(&mut self, over: bool, now: Instant) {
        if self.reads_on() {
            self.take_own_pongs(now);
        }
        // A ping cannot go out while the handler has half a frame written. Then a missing answer proves nothing.
        let stuck_ping = !self.outbox.is_empty() && !self.outbound_at_boundary();
        // Nor where it went out long after the time from which the policy counts.
        let late_ping = self.pings.late && self.pings.awaited().is_some();
        self.activity.read = self.activity.received.saturating_sub(self.inbox.kept() as u64);
        self.activity.has_unread_input = self.inbox.has_unread();
        // A pong may also be behind input for which the inbox has no room.
        let unseen = self.inbox.has_unread() && self.inbox.is_full();
        self.activity.inconclusive = !over && (unseen || stuck_ping || late_ping);
    }

    /// Whether more than `bytes` of the peer's input were discarded.
    #[inline]
    pub(crate) fn has_discarded_more_than(&self, bytes: u64) -> bool {
        self.closes.discarded().is_some_and(|discarded| discarded.exceeds(bytes))
    }

    /// Whether the peer has closed. What it sends after that is discarded.
    #[inline]
    pub(super) fn peer_has_said_all(&self) -> bool {
        self.closes.discarded().is_some_and(Discarded::closed)
    }

    pub(super) fn discarded_mut(&mut self) -> &mut Discarded {
        self.closes.discarded_mut()
    }
}
