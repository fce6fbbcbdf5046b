//! How a connection closes: what each event means in each phase, with the time as an argument.
//!
//! One path for every cause. A close is decided, by the guard, the handler or the peer; what was admitted before it is
//! still answered, until the handler pauses or its grace ends; then the transport is taken from the handler, which
//! reads the close as if the peer had sent it, and what is left is the closing handshake with the peer.
//!
//! # Which frame the peer gets
//!
//! At most one close frame is sent for this side (RFC 6455, section 5.5.1). When the connection is taken over, it is
//! the first of these that applies:
//!
//! | Situation | Frame |
//! | --- | --- |
//! | the handler has sent its own before any close was decided | that one, and nothing else |
//! | a close was decided before the handler sent its own | the decided one, in place of the handler's |
//! | the peer has closed, and nothing was decided against it | the answer to the peer's: the same code, or what corrects a malformed one |
//! | the handler is gone without a close | an empty frame, or 1011 if it panicked |
//! | any of these, but the handler is in the middle of a frame | none: it would be read as payload, and [`Ended::cut_short`] says so |
//!
//! # Who may call what, and when
//!
//! Each method is total: it may be called in every phase, and changes nothing where it does not apply. That is what
//! makes the order of concurrent calls irrelevant. A `close` that comes second, an `abort` after the take-over and a
//! `finish` for a connection that is over are all ignored, and the caller need not know.

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

/// A connection that was taken from its handler: what the closing handshake begins with.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What is still to be sent, the close frame last.
    pub(crate) unsent: Vec<u8>,
    pub(crate) discarded: Discarded,
    pub(crate) ended: Ended,
}

impl Guard {
    /// Sets the settings of this connection.
    pub(crate) fn configure(&mut self, settings: &Arc<Settings>) {
        self.framing = settings.framing;
        self.settings = Some(settings.clone());
    }

    /// Whether a layer has set the settings.
    pub(crate) fn is_configured(&self) -> bool {
        self.settings.is_some()
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> &Settings {
        self.settings.as_deref().unwrap_or(&Settings::DEFAULT)
    }

    /// The upgrade has completed, and `inbox` was read from the transport already. Returns `false` if the connection
    /// has ended meanwhile.
    #[must_use]
    pub(crate) fn open(&mut self, inbox: Vec<u8>, carrier: Carrier, now: Instant) -> bool {
        let Phase::Upgrading(requested) = &mut self.phase else { return false };
        let requested = requested.take();
        self.activity.opened = Some(now);
        self.activity.received = inbox.len() as u64;
        self.inbox.open(inbox, carrier);
        // None is installed from here on.
        self.policies.shrink_to_fit();
        self.phase = Phase::Open;
        // A close or an abort that came before the transport takes effect now.
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

    /// What the connection runs over.
    #[inline]
    pub(crate) fn carrier(&self) -> Carrier {
        self.inbox.carrier()
    }

    /// Takes the close or abort that was requested before the transport came.
    pub(crate) fn take_requested(&mut self) -> Requested {
        match &mut self.phase {
            Phase::Upgrading(requested) => requested.take(),
            _ => Requested::Nothing,
        }
    }

    /// Decides a close, with the given grace or the connection's. Only the first has an effect.
    pub(crate) fn close(&mut self, frame: CloseFrame, grace: Option<Grace>, now: Instant) {
        let patience = grace.map(|grace| Patience::of(self.settings()).for_close(grace));
        self.begin_close(Some(frame), EndedBy::Guard, patience, now);
    }

    /// Begins the ending phase, with the given patience or the connection's.
    fn begin_close(&mut self, frame: Option<CloseFrame>, by: EndedBy, patience: Option<Patience>, now: Instant) {
        match &mut self.phase {
            Phase::Upgrading(requested @ Requested::Nothing) => {
                if let Some(frame) = frame {
                    *requested = Requested::Close(Box::new(Asked { frame, patience }));
                    self.wakes.handler = true;
                }
            }
            Phase::Open => {
                // If the handler's close frame is out, a second must not follow. Only the closing handshake is left.
                let frame = frame.filter(|_| !self.closes.handler_has_closed());
                let patience = patience.unwrap_or_else(|| Patience::of(self.settings()));
                self.phase = Phase::Ending(Box::new(Ending::new(frame, by, patience, now)));
                // What a delay held back will not be delivered, so its charge is returned to the quota.
                self.forget_delay();
                // It sleeps for a policy's deadline, or does not exist. From here on it waits for the quiet time.
                self.wakes.driver = true;
            }
            // Ending, taken or over: the first close has won.
            _ => {}
        }
    }

    /// A policy wants the connection closed. If the peer has sent a close frame, that is echoed instead.
    pub(super) fn close_for_policy(&mut self, frame: CloseFrame, now: Instant) {
        // A peer that has closed waits for the echo of its own code (RFC 6455, section 5.5.1), not for a policy's
        // reason.
        let frame = if self.closes.peer_has_closed() { self.implied_close() } else { frame };
        self.begin_close(Some(frame), EndedBy::Guard, None, now);
    }

    /// Ends the connection without a close frame. If the closing handshake has the transport, `ConnectionInner::abort`
    /// notifies it instead. If the upgrade has not completed, the abort takes effect when it does.
    pub(crate) fn abort(&mut self) {
        match &mut self.phase {
            Phase::Open | Phase::Ending(_) => {
                self.phase = Phase::Aborted;
                self.forget_delay();
                self.wakes.driver = true;
            }
            Phase::Upgrading(requested) => {
                // Also over a close: an abort is the stronger wish. The handler's waker may be a gate's.
                *requested = Requested::Abort;
                self.wakes.handler = true;
            }
            _ => {}
        }
    }

    /// The peer's close frame was read and delivered to the handler.
    pub(super) fn peer_closed(&mut self, result: Result<CloseFrame, MalformedClose>) {
        // From here on what the peer sends is discarded, and a later closing handshake need not wait for its close.
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

    /// The handler's close frame is complete. It, or what replaces it, is put into the outbox.
    pub(super) fn handler_closed(&mut self, frame: CloseFrame, now: Instant) {
        // A close that the guard has decided wins over the handler's. It is taken out of `ending`, so that the
        // take-over does not send it again (RFC 6455, section 5.5.1: nothing follows a close frame).
        let instead = match &mut self.phase {
            Phase::Ending(ending) => ending.frame.take(),
            _ => self.closes.take_correction(),
        };
        let frame = instead.unwrap_or(frame);
        self.outbox.put_close(&frame);
        self.closes.by_handler(frame);
        // Nothing may follow it, so there is nothing to wait for.
        self.end_grace(now);
        // The frame is in the outbox, and the handler may neither write nor flush again: the driver sends it.
        self.wakes.driver = true;
    }

    /// The handler's library shuts its side down. If it has not sent a close frame, one is sent for it. Returns whether
    /// the transport is still to be flushed and shut down.
    pub(crate) fn handler_shut_down(&mut self, now: Instant) -> bool {
        self.end_grace(now);
        if !matches!(self.phase, Phase::Open) {
            return false;
        }
        // Some libraries shut down without a close frame. The peer would report a lost connection (1006).
        if !self.closes.handler_has_closed() && self.is_between_frames() {
            let frame = self.implied_close();
            self.handler_closed(frame, now);
        }
        true
    }

    /// From now on `finish` decides how the connection closes, and not the drop of the handler's half.
    pub(crate) fn supervise(&mut self) {
        self.closes.supervise(true);
    }

    /// The supervised handler has returned, and its result means `frame`. A close of the peer's is echoed instead.
    pub(crate) fn finish(&mut self, frame: CloseFrame, now: Instant) {
        self.closes.supervise(false);
        let by = self.closes.ended_by(EndedBy::Handler);
        let frame = self.closes.answer().unwrap_or(frame);
        // No time is left to a handler whose socket is gone. If another task still has the socket, it may be sending.
        let patience = self.closes.is_abandoned().then(|| Patience::of(self.settings()).without_grace());
        self.begin_close(Some(frame), by, patience, now);
    }

    /// The handler has dropped its half, so nothing is waited for. Returns whether the connection ends with that.
    #[must_use]
    pub(crate) fn abandon(&mut self, panicking: bool, now: Instant) -> bool {
        self.closes.abandon();
        match self.phase {
            Phase::Upgrading(_) | Phase::Lost => {
                self.phase = Phase::Over;
                return true;
            }
            Phase::Open | Phase::Ending(_) if self.closes.read_failed() => {
                // Reading has failed, so a closing handshake could only wait for its timeout. The driver, which may
                // sleep, must find that there is nothing left to drive.
                self.phase = Phase::Over;
                self.wakes.driver = true;
                return true;
            }
            // The socket may be dropped before the handler's result is known, or at the same moment by another task.
            // `supervise` calls `finish` on every path, also if the handler panics or is cancelled, and decides then.
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

    /// Whether the handler is done: its half is gone, and no result of it is waited for.
    pub(crate) fn is_handled(&self) -> bool {
        self.closes.is_abandoned() && !self.closes.is_supervised()
    }

    /// The close frame for a handler that left without one: the answer to the peer's, or an empty one.
    fn implied_close(&self) -> CloseFrame {
        self.closes.answer().unwrap_or_default()
    }

    /// Lets the connection be taken over at once.
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

    /// Takes the connection from the handler, which notices at its next call.
    pub(crate) fn take_over(&mut self, now: Instant) -> Option<Taken> {
        if !self.is_ending() {
            return None;
        }
        // The phase changes first, in the same critical section in which the caller takes the transport: a call of the
        // handler's finds neither or both.
        let writes_on = !self.closes.handler_has_closed() && !self.closes.is_abandoned();
        let taken = Phase::taken(now, writes_on);
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, taken) else { return None };
        // It may be pending in a read or a write that nothing else would wake any more.
        self.wakes.handler = true;
        // The handler reads a close frame as if the peer had sent it, so that its library ends in the usual way. Not
        // inside of a frame, where it would be read as payload; and not after the peer's own close frame.
        let delivers_close =
            !self.closes.is_abandoned() && self.inbound_at_boundary() && !self.closes.peer_has_closed();
        let backlog = self.inbox.finish(delivers_close.then_some(|last: &mut Vec<u8>| {
            // Masked: a server's library refuses an unmasked frame (RFC 6455, section 5.1).
            let frame = ending.frame.as_ref().or(self.closes.handlers());
            put_close_masked(last, frame.unwrap_or(&CloseFrame::empty()));
        }));
        // In the middle of a frame of the handler's, a close frame would be read as its payload. Nor can the frame be
        // completed: the handler has the rest of it. So nothing is sent, and the peer gets the end of the stream.
        let cut_short = !self.outbound_at_boundary();
        let mut unsent = self.outbox.take();
        match &ending.frame {
            _ if cut_short => unsent.clear(),
            Some(frame) => put_close(&mut unsent, frame),
            None => {}
        }
        // The peer's close frame may already be in what was read and not admitted: the closing handshake must not wait
        // for it again.
        let mut discarded = self.closes.take_discarded();
        discarded.follow(self.inbound_payload_left(), &backlog);
        let (by, handlers) = (ending.by, self.closes.handlers().cloned());
        let sent = handlers.clone().or(ending.frame.clone().filter(|_| !cut_short));
        let frame = ending.frame.or(handlers).filter(|_| by != EndedBy::Transport);
        let ended = Ended { by, frame, sent, received: self.closes.peers().cloned(), cut_short };
        Some(Taken { unsent, discarded, ended })
    }

    /// The transport has failed, so nothing can be sent any more. The handler may still read what was read before.
    /// Returns how the connection has ended.
    pub(crate) fn lose(&mut self) -> Ended {
        self.closes.by_transport(true);
        self.phase = Phase::Lost;
        // No driver is left to end a delay.
        self.forget_delay();
        self.wakes.handler = true;
        self.closes.ended()
    }

    /// The connection is over, and has no transport any more. Returns how it has ended.
    pub(crate) fn end(&mut self) -> Ended {
        self.phase = Phase::Over;
        self.forget_delay();
        self.closes.ended()
    }

    /// Whether the transport is to be dropped as it is.
    pub(crate) fn is_aborted(&self) -> bool {
        matches!(self.phase, Phase::Aborted)
    }

    /// Takes the wakes that were requested since the last call.
    #[inline]
    pub(crate) fn take_wakes(&mut self) -> Wakes {
        std::mem::take(&mut self.wakes)
    }
}
