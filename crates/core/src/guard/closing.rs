//! How a connection closes: what each event means in each phase, with the time as an argument.
//!
//! One path for every cause. A close is decided, by the guard, the handler or the peer; what was admitted before it is
//! still answered, until the handler pauses or its grace ends; then the transport is taken from the handler, which
//! reads the close as if the peer had sent it, and what is left is the closing handshake with the peer.

use std::{sync::Arc, time::Instant};

use super::{
    Guard,
    discarded::Discarded,
    phase::{Asked, Ending, Patience, Phase, Requested},
    wakes::Wakes,
};
use crate::{
    carrier::Carrier,
    close::{CloseFrame, MalformedClose},
    ended::{Ended, EndedBy},
    frame::{put_close, put_close_masked},
    observe::{Enforcement, FRAMING},
    settings::{Grace, Settings},
};

/// What the handler may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// What the peer sends.
    Open,
    /// Nothing for now.
    Wait,
    /// The end of the stream, behind what is in the inbox.
    End,
    /// An error.
    Aborted,
}

/// What becomes of what the handler writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// It goes to the peer.
    Open,
    /// It is thrown away: nobody would stop a handler that only writes, and nothing follows a close frame (RFC 6455,
    /// section 5.5.1).
    Swallow,
    /// It fails.
    Broken,
}

/// A connection that was taken from its handler: what the closing handshake begins with.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What is still to be sent, the close frame last.
    pub(crate) unsent: Vec<u8>,
    pub(crate) discarded: Discarded,
    pub(crate) ended: Ended,
}

impl Guard {
    /// What holds from here on.
    pub(crate) fn configure(&mut self, settings: &Arc<Settings>) {
        self.framing = settings.framing;
        self.settings = Some(settings.clone());
    }

    /// Whether somebody has said what holds.
    pub(crate) fn is_configured(&self) -> bool {
        self.settings.is_some()
    }

    /// What holds.
    pub(crate) fn settings(&self) -> &Settings {
        self.settings.as_deref().unwrap_or(&Settings::DEFAULT)
    }

    /// The upgrade has completed, and `inbox` was read of the transport already. `false` if nobody wants it any more.
    #[must_use]
    pub(crate) fn open(&mut self, inbox: Vec<u8>, carrier: Carrier, now: Instant) -> bool {
        let Phase::Upgrading(requested) = &mut self.phase else { return false };
        let requested = requested.take();
        self.activity.opened = Some(now);
        self.activity.received = inbox.len() as u64;
        self.inbox.open(inbox, carrier);
        self.phase = Phase::Open;
        match requested {
            Requested::Nothing => {}
            Requested::Close(asked) => {
                let Asked { frame, patience } = *asked;
                self.begin_close(Some(frame), EndedBy::Guard, patience, now);
            }
            Requested::Abort => self.abort(),
        }
        true
    }

    /// Takes the end that was asked for before the transport came.
    pub(crate) fn take_requested(&mut self) -> Requested {
        match &mut self.phase {
            Phase::Upgrading(requested) => requested.take(),
            _ => Requested::Nothing,
        }
    }

    /// Decides a close, with a grace of its own or the connection's. The first one counts.
    pub(crate) fn close(&mut self, frame: CloseFrame, grace: Option<Grace>, now: Instant) {
        let patience = grace.map(|grace| Patience::of(self.settings()).for_close(grace));
        self.begin_close(Some(frame), EndedBy::Guard, patience, now);
    }

    /// With a patience of its own or the connection's.
    fn begin_close(&mut self, frame: Option<CloseFrame>, by: EndedBy, patience: Option<Patience>, now: Instant) {
        match &mut self.phase {
            Phase::Upgrading(requested @ Requested::Nothing) => {
                if let Some(frame) = frame {
                    *requested = Requested::Close(Box::new(Asked { frame, patience }));
                    self.wakes.handler = true;
                }
            }
            Phase::Open => {
                // The peer has the handler's close already, and only the closing handshake is left to do.
                let frame = frame.filter(|_| !self.closes.handler_has_closed());
                let patience = patience.unwrap_or_else(|| Patience::of(self.settings()));
                self.phase = Phase::Ending(Box::new(Ending::new(frame, by, patience, now)));
                self.forget_delay();
                self.wakes.driver = true;
            }
            _ => {}
        }
    }

    /// A policy wants the connection closed. A peer that has closed is told what it said.
    pub(super) fn close_for_policy(&mut self, frame: CloseFrame, now: Instant) {
        // Whatever the policy has to say, a peer that has closed waits for the echo of its own close (RFC 6455, section
        // 5.5.1).
        let frame = if self.closes.peer_has_closed() { self.implied_close() } else { frame };
        self.begin_close(Some(frame), EndedBy::Guard, None, now);
    }

    /// The connection is to end without a close frame. What was taken from here is its taker's to end, and what has not
    /// come yet ends when it comes.
    pub(crate) fn abort(&mut self) {
        match &mut self.phase {
            Phase::Open | Phase::Ending(_) => {
                self.phase = Phase::Aborted;
                self.forget_delay();
                self.wakes.driver = true;
            }
            Phase::Upgrading(requested) => {
                *requested = Requested::Abort;
                self.wakes.handler = true;
            }
            _ => {}
        }
    }

    /// The peer's close frame was read; the handler reads it, too.
    pub(super) fn peer_closed(&mut self, result: Result<CloseFrame, MalformedClose>) {
        self.discarded_mut().close();
        if result.is_err() {
            self.telemetry.violated(FRAMING, Enforcement::Close);
        }
        self.closes.by_peer(result);
    }

    /// The peer's side of the transport ended, or reading it failed.
    pub(crate) fn transport_ended(&mut self, failed: bool) {
        self.closes.by_transport(failed);
    }

    /// The handler's own close frame is whole. What goes out in its place is put into the outbox.
    pub(super) fn handler_closed(&mut self, frame: CloseFrame, now: Instant) {
        // A close that is decided wins over the handler's. It is taken out of `ending`, since no second close frame may
        // follow (RFC 6455, section 5.5.1).
        let instead = match &mut self.phase {
            Phase::Ending(ending) => ending.frame.take(),
            _ => self.closes.take_correction(),
        };
        let frame = instead.unwrap_or(frame);
        self.outbox.put_close(&frame);
        self.closes.by_handler(frame);
        self.end_grace(now);
        // Its handler may not flush, as a transport that buffers nothing needs none.
        self.wakes.driver = true;
    }

    /// The handler's library ends its side. A close that it did not send is sent for it. Says whether there is still
    /// something to send.
    pub(crate) fn handler_shut_down(&mut self, now: Instant) -> bool {
        self.end_grace(now);
        if !matches!(self.phase, Phase::Open) {
            return false;
        }
        // Some libraries end their side without a close frame. The peer would take that for a lost connection (1006).
        if !self.closes.handler_has_closed() && self.is_between_frames() {
            let frame = self.implied_close();
            self.handler_closed(frame, now);
        }
        true
    }

    /// The handler will say what its end means.
    pub(crate) fn supervise(&mut self) {
        self.closes.supervise(true);
    }

    /// The handler says what its end means. A close of the peer's is answered all the same.
    pub(crate) fn finish(&mut self, frame: CloseFrame, now: Instant) {
        self.closes.supervise(false);
        let by = self.closes.ended_by(EndedBy::Handler);
        let frame = self.closes.answer().unwrap_or(frame);
        // A handler that still has its socket, in another task perhaps, may be sending.
        let patience = self.closes.is_abandoned().then(|| Patience::of(self.settings()).without_grace());
        self.begin_close(Some(frame), by, patience, now);
    }

    /// The handler's half is gone: there is nobody to wait for. Says whether that was the connection's end.
    #[must_use]
    pub(crate) fn abandon(&mut self, panicking: bool, now: Instant) -> bool {
        self.closes.abandon();
        match self.phase {
            Phase::Upgrading(_) | Phase::Lost => {
                self.phase = Phase::Over;
                return true;
            }
            Phase::Open | Phase::Ending(_) if self.closes.read_failed() => {
                // A closing handshake would only wait for its bounds. A driver that sleeps has to find that it is done.
                self.phase = Phase::Over;
                self.wakes.driver = true;
                return true;
            }
            // The socket is dropped before the handler's result is known, or by another task at the same moment.
            // `finish` comes next, on every path, and says what is sent.
            Phase::Open if self.closes.is_supervised() => {}
            Phase::Open => {
                let frame = if panicking { CloseFrame::internal_error() } else { self.implied_close() };
                let by = self.closes.ended_by(EndedBy::Handler);
                let patience = Patience::of(self.settings()).without_grace();
                self.begin_close(Some(frame), by, Some(patience), now);
            }
            _ => {}
        }
        self.end_grace(now);
        false
    }

    /// Whether the handler's half is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.closes.is_abandoned()
    }

    /// Whether the handler is done: its half is gone, and it has nothing to say of what that means.
    pub(crate) fn is_handled(&self) -> bool {
        self.closes.is_abandoned() && !self.closes.is_supervised()
    }

    /// What is sent where the handler left without a close of its own: the answer to the peer's, or nothing said.
    fn implied_close(&self) -> CloseFrame {
        self.closes.answer().unwrap_or_default()
    }

    /// Takes the connection as soon as may be.
    fn end_grace(&mut self, now: Instant) {
        if let Phase::Ending(ending) = &mut self.phase {
            ending.end_grace(now);
            self.wakes.driver = true;
        }
    }

    /// Whether the connection is ending, and the handler has the transport still.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_))
    }

    /// Takes the connection from the handler, which learns of it at its next call.
    pub(crate) fn take_over(&mut self, now: Instant) -> Option<Taken> {
        if !self.is_ending() {
            return None;
        }
        let taken = Phase::taken(now, self.closes.handler_has_closed());
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, taken) else { return None };
        self.wakes.handler = true;
        // Inside of a frame the close would be read as payload. A handler that has read the peer's own close gets no
        // second one.
        let told = !self.closes.is_abandoned() && self.inbound_at_boundary() && !self.closes.peer_has_closed();
        let backlog = self.inbox.finish(|last| {
            if told {
                // Masked, as a client's frames are: the library would refuse another (RFC 6455, section 5.1).
                let frame = ending.frame.as_ref().or(self.closes.handlers());
                put_close_masked(last, frame.unwrap_or(&CloseFrame::empty()));
            }
        });
        // In the middle of a frame there is no place for another.
        let cut_short = !self.outbound_at_boundary();
        let mut unsent = self.outbox.take();
        match &ending.frame {
            _ if cut_short => unsent.clear(),
            Some(frame) => put_close(&mut unsent, frame),
            None => {}
        }
        // The peer's close may stand in what was read and not admitted.
        let mut discarded = self.discarded.take().map_or_else(Discarded::default, |discarded| *discarded);
        discarded.follow(self.inbound_payload_left(), &backlog);
        let (by, handlers) = (ending.by, self.closes.handlers().cloned());
        let sent = handlers.clone().or(ending.frame.clone().filter(|_| !cut_short));
        let frame = ending.frame.or(handlers).filter(|_| by != EndedBy::Transport);
        let ended = Ended { by, frame, sent, received: self.closes.peers().cloned(), cut_short };
        Some(Taken { unsent, discarded, ended })
    }

    /// The transport has failed, however much of it is unread: there is nobody to say anything to. The handler may read
    /// what was read before, as far as nothing delays that. Says how the connection has ended.
    pub(crate) fn lose(&mut self) -> Ended {
        self.closes.by_transport(true);
        self.phase = Phase::Lost;
        self.forget_delay();
        self.wakes.handler = true;
        self.closes.ended()
    }

    /// There is no transport any more, and nobody to say anything to.
    pub(crate) fn end(&mut self) -> Ended {
        self.phase = Phase::Over;
        self.forget_delay();
        self.closes.ended()
    }

    /// Whether the transport is to be dropped as it is.
    pub(crate) fn is_aborted(&self) -> bool {
        matches!(self.phase, Phase::Aborted)
    }

    /// Whether the transport is the handler's: frames pass, or its last ones are waited for.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ending(_))
    }

    /// What the handler may read.
    #[inline]
    pub(crate) fn reads(&self) -> Reads {
        match &self.phase {
            Phase::Open if self.inbox.delayed().is_none() => Reads::Open,
            Phase::Lost => Reads::Open,
            Phase::Open | Phase::Upgrading(_) | Phase::Ending(_) => Reads::Wait,
            Phase::Taken { .. } => Reads::End,
            Phase::Aborted | Phase::Over => Reads::Aborted,
        }
    }

    /// What becomes of what the handler writes. The clock is asked only where it decides.
    #[inline]
    pub(crate) fn writes(&self, now: impl FnOnce() -> Instant) -> Writes {
        match &self.phase {
            Phase::Open | Phase::Ending(_) if !self.closes.handler_has_closed() => Writes::Open,
            Phase::Taken { swallow_until, handler_closed: false } if now() < *swallow_until => Writes::Swallow,
            _ => Writes::Broken,
        }
    }

    /// Whether the handler may finish the frame it is in, and begin no other.
    #[inline]
    pub(crate) fn is_last_frame(&self, now: impl FnOnce() -> Instant) -> bool {
        matches!(&self.phase, Phase::Ending(ending) if ending.is_last_frame(now()))
    }

    /// Takes bytes of the handler's close frame. Returns how many.
    pub(crate) fn capture(&mut self, data: &[u8], now: impl FnOnce() -> Instant) -> usize {
        let (taken, frame) = self.capture_close(data);
        if let Some(frame) = frame {
            self.handler_closed(frame, now());
        }
        taken
    }

    /// Follows what is thrown away, so that the handler's close frame ends it. Returns how much was.
    pub(crate) fn swallow(&mut self, data: &[u8]) -> usize {
        if !self.is_capturing() {
            let measure = self.measure(data, false);
            let pass = measure.pass;
            self.wrote(measure);
            if pass > 0 || data.is_empty() {
                return pass;
            }
        }
        let (taken, frame) = self.capture_close(data);
        if let (Some(_), Phase::Taken { handler_closed, .. }) = (frame, &mut self.phase) {
            *handler_closed = true;
        }
        taken
    }

    /// Who has to be woken since this was last asked.
    #[inline]
    pub(crate) fn take_wakes(&mut self) -> Wakes {
        std::mem::take(&mut self.wakes)
    }
}
