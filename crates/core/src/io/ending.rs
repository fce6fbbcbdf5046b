//! How a connection ends: a close is decided, the connection is taken from its handler, and what is said.

use std::time::{Duration, Instant};

use super::{
    closing::{Farewell, Retired},
    state::{Ending, LONGEST, Phase, SWALLOW, State},
};
use crate::{
    clock::now,
    close::{CloseFrame, MalformedClose},
    ended::{Ended, EndedBy},
    frame::{put_close, put_close_masked},
    observe::{Answer, FRAMING},
    policy::Action,
};

impl<T> State<T> {
    /// Decides a close. The first one counts.
    pub(super) fn begin_close(&mut self, frame: Option<CloseFrame>, by: EndedBy, grace: Option<Duration>) {
        match &mut self.phase {
            Phase::Upgrading(close) => {
                if let (None, Some(frame)) = (&close, frame) {
                    *close = Some((frame, grace));
                    self.wake_all();
                }
            }
            Phase::Open => {
                let (now, settings) = (now(), &self.settings);
                let grace = grace.unwrap_or(settings.grace).min(LONGEST);
                self.phase = Phase::Ending(Ending {
                    frame: frame.filter(|_| self.handler_close.is_none()),
                    by,
                    deadline: now + grace,
                    last_frame: now + grace / 4 * 3,
                    quiet_at: now + settings.quiet.min(grace),
                });
                self.delayed = None;
                self.wake_keeper();
            }
            _ => {}
        }
    }

    /// Decides a close with more patience than is set, if none is decided yet.
    pub(super) fn begin_patient_close(&mut self, frame: CloseFrame, quiet: Duration, grace: Duration) {
        if matches!(self.phase, Phase::Upgrading(None) | Phase::Open) {
            self.settings.quiet = self.settings.quiet.max(quiet);
            let grace = self.settings.grace.max(grace);
            self.begin_close(Some(frame), EndedBy::Guard, Some(grace));
        }
    }

    /// The handler's half is gone, and nobody has yet to say what that means.
    pub(super) fn is_handled(&self) -> bool {
        self.abandoned && !self.supervised
    }

    /// The handler's half is gone: there is nobody to wait for. Says whether that was the connection's end.
    pub(super) fn abandon(&mut self, panicking: bool) -> bool {
        self.abandoned = true;
        match self.phase {
            Phase::Upgrading(_) => {
                self.phase = Phase::Over;
                return true;
            }
            Phase::Open | Phase::Ending(_) if self.broken => {
                self.io = None;
                self.phase = Phase::Over;
                self.wake_keeper();
                return true;
            }
            // How it ended comes next.
            Phase::Open if self.supervised => {}
            Phase::Open => {
                let frame = if panicking { CloseFrame::internal_error() } else { self.parting() };
                let by = self.closed_by.unwrap_or(EndedBy::Handler);
                self.begin_close(Some(frame), by, Some(Duration::ZERO));
            }
            _ => {}
        }
        self.hurry();
        false
    }

    /// Whether the handler may finish the frame it is in, and begin no other.
    pub(super) fn is_last_frame(&self) -> bool {
        matches!(&self.phase, Phase::Ending(ending) if now() >= ending.last_frame)
    }

    /// Takes the connection as soon as may be.
    pub(super) fn hurry(&mut self) {
        if let Phase::Ending(ending) = &mut self.phase {
            let now = now();
            ending.deadline = now;
            ending.quiet_at = now;
            ending.last_frame = now;
            self.wake_keeper();
        }
    }

    /// What is sent where the handler left without a close of its own: the answer to the peer's, or nothing said.
    pub(super) fn parting(&self) -> CloseFrame {
        let answer = self.reply.as_ref().or(self.peer_close.as_ref());
        answer.cloned().unwrap_or_default()
    }

    pub(super) fn peer_closed(&mut self, result: Result<CloseFrame, MalformedClose>) {
        self.drain.closed = true;
        self.closed_by.get_or_insert(EndedBy::Peer);
        match result {
            Ok(frame) => self.peer_close = Some(frame),
            Err(malformed) => {
                self.guard.notes.violated(FRAMING, Answer::Close);
                self.reply = Some(malformed.answer());
                self.peer_close = Some(malformed.answer());
            }
        }
    }

    /// The peer's side ended. Without a close frame before it, that is how the connection ended.
    pub(super) fn transport_ended(&mut self, broken: bool) {
        self.closed_by.get_or_insert(EndedBy::Transport);
        self.broken |= broken;
    }

    /// How a connection ended that nothing more can be said on.
    pub(super) fn ended(&self) -> Ended {
        let frame = self.peer_close.as_ref().or(self.handler_close.as_ref()).cloned();
        Ended { by: self.closed_by.unwrap_or(EndedBy::Transport), frame, cut_short: false }
    }

    /// The handler says what its end means. A close of the peer's is answered all the same.
    pub(super) fn finish(&mut self, frame: CloseFrame) {
        self.supervised = false;
        let answer = self.reply.as_ref().or(self.peer_close.as_ref()).cloned();
        let by = self.closed_by.unwrap_or(EndedBy::Handler);
        self.begin_close(Some(answer.unwrap_or(frame)), by, self.abandoned.then_some(Duration::ZERO));
    }

    /// Nobody asks what is kept here any more.
    pub(super) fn retire(&mut self) -> Retired {
        Retired(self.guard.retire(), self.gate.take())
    }

    /// Takes the transport from a handler that is gone, where nobody keeps it.
    pub(super) fn leave(&mut self) -> Option<Farewell<T>> {
        if self.keeping || !self.abandoned { None } else { self.take_over(now()) }
    }

    /// The handler's own close frame is whole: what goes out in its place.
    pub(super) fn handler_closed(&mut self, frame: CloseFrame) {
        let frame = match &mut self.phase {
            Phase::Ending(ending) => ending.frame.take().unwrap_or(frame),
            _ => self.reply.take().unwrap_or(frame),
        };
        put_close(&mut self.outbox, &frame);
        self.closed_by.get_or_insert(EndedBy::Handler);
        self.handler_close = Some(frame);
        self.hurry();
    }

    /// Takes the transport from the handler, which learns of it at its next call.
    pub(super) fn take_over(&mut self, now: Instant) -> Option<Farewell<T>> {
        if !matches!(self.phase, Phase::Ending(_)) {
            return None;
        }
        let io = self.io.take()?;
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Over) else { return None };
        let mut last = std::mem::take(&mut self.admitted);
        if !self.abandoned && self.guard.inbound_at_boundary() && self.peer_close.is_none() {
            put_close_masked(
                &mut last,
                ending.frame.as_ref().or(self.handler_close.as_ref()).unwrap_or(&CloseFrame::empty()),
            );
        }
        self.phase =
            Phase::Taken { last, read: 0, swallow_until: now + SWALLOW, handler_closed: self.handler_close.is_some() };
        self.wake_all();
        let cut_short = !self.guard.outbound_at_boundary();
        let mut outbox = std::mem::take(&mut self.outbox);
        if let (Some(frame), false) = (&ending.frame, cut_short) {
            put_close(&mut outbox, frame);
        }
        self.drain.follow(self.guard.inbound_payload_left(), &std::mem::take(&mut self.backlog));
        Some(Farewell {
            io,
            outbox: if cut_short { Vec::new() } else { outbox },
            sent: if cut_short { 0 } else { self.outbox_sent },
            shut: false,
            drain: std::mem::take(&mut self.drain),
            ended: Ended { by: ending.by, frame: ending.frame.or(self.handler_close.take()), cut_short },
            shutdown_first: self.shutdown_first,
            limits: self.settings.closing,
            retired: self.retire(),
        })
    }
}

impl<T> State<T> {
    /// Carries out what a policy asks for.
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::None => {}
            Action::Ping => self.send_ping(),
            // A peer that has closed is told what it said.
            Action::Close(_) if self.peer_close.is_some() => {
                let answer = self.parting();
                self.begin_close(Some(answer), EndedBy::Guard, None);
            }
            Action::Close(frame) => self.begin_close(Some(frame), EndedBy::Guard, None),
            Action::Abort => self.abort(),
        }
    }

    /// What has been taken from here is its taker's to end, and what has not come yet ends when it comes.
    pub(super) fn abort(&mut self) {
        match self.phase {
            Phase::Open | Phase::Ending(_) => {
                self.phase = Phase::Aborted;
                self.wake_keeper();
            }
            Phase::Upgrading(_) => {
                self.doomed = true;
                self.wake_all();
            }
            _ => {}
        }
    }
}
