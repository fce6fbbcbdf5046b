//! The state of a guarded connection, and the ways in which it changes.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use super::stall::Stall;
use crate::{
    close::{CloseFrame, MalformedClose},
    closing::{Drain, Farewell, Retired},
    connection::{Ended, EndedBy},
    frame::{Opcode, put_close, put_close_masked, put_control},
    guard::Guard,
    observe::{Answer, FRAMING},
    upgrade::{Gate, Settings},
};

/// What a handler writes after the connection was taken from it is swallowed for so long, then refused.
pub(super) const SWALLOW: Duration = Duration::from_millis(100);

/// No patience is longer, so that no time overflows.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[expect(clippy::struct_excessive_bools, reason = "independent facts, not one state spelled out")]
pub(crate) struct State<T> {
    pub(super) io: Option<T>,
    pub(crate) guard: Guard,
    pub(super) settings: Settings,
    /// Somebody has chosen these.
    configured: bool,
    pub(super) phase: Phase,
    /// What the connection must say before its handler gets it.
    pub(super) gate: Option<Box<Gate>>,
    /// Read and not admitted: an incomplete header or control frame, or what waits for a delay.
    pub(super) backlog: Vec<u8>,
    /// Admitted, and not delivered yet for want of room.
    pub(super) admitted: Vec<u8>,
    /// Nothing is read before that time.
    pub(super) delayed: Option<Instant>,
    /// The delay is over, and what it held back is to be presented again.
    pub(super) resumed: bool,
    pub(super) created: Instant,
    /// Once delayed, reads are capped.
    pub(super) capped: bool,
    /// Frames of the guard's own, or a mended close of the handler's, to be sent at the next boundary.
    pub(super) outbox: Vec<u8>,
    pub(super) outbox_sent: usize,
    pub(super) outbox_unflushed: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// While the transport takes nothing, for policies that watch what is sent.
    pub(super) stall: Option<Arc<Stall>>,
    pub(super) keeper: Option<Waker>,
    keeping: bool,
    /// The keeper has the earliest deadline that it was last told of.
    pub(super) armed: Option<Instant>,
    pub(super) peer_close: Option<CloseFrame>,
    pub(super) reply: Option<CloseFrame>,
    pub(super) handler_close: Option<CloseFrame>,
    /// Who sent the first close frame.
    closed_by: Option<EndedBy>,
    pub(super) drain: Drain,
    shutdown_first: bool,
    /// It was aborted before the upgrade had completed.
    pub(super) doomed: bool,
    /// Reading failed: nothing can be said to the peer any more.
    broken: bool,
    /// The handler's half is gone.
    abandoned: bool,
    /// And will say what its end means.
    pub(super) supervised: bool,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// The upgrade has not completed; a close asked for meanwhile waits.
    Upgrading(Option<(CloseFrame, Option<Duration>)>),
    Open,
    /// The close is decided; what was admitted before is still being answered.
    Ending(Ending),
    /// The connection was taken from the handler, which reads this much more, and may write until then.
    Taken {
        last: Vec<u8>,
        read: usize,
        swallow_until: Instant,
        handler_closed: bool,
    },
    Aborted,
    Over,
}

/// A close that is decided.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) frame: Option<CloseFrame>,
    pub(super) by: EndedBy,
    /// The connection is taken at that time at the latest.
    pub(super) deadline: Instant,
    /// From then on a handler that never pauses is stopped at the end of the frame it is in.
    pub(super) last_frame: Instant,
    /// And when nothing was sent until then; each write moves it.
    pub(super) quiet_at: Instant,
}

pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<T> State<T> {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            io: None,
            guard: Guard::new(settings.framing),
            settings: settings.clone(),
            configured: false,
            phase: Phase::Upgrading(None),
            gate: None,
            backlog: Vec::new(),
            admitted: Vec::new(),
            delayed: None,
            resumed: false,
            created: now(),
            capped: false,
            outbox: Vec::new(),
            outbox_sent: 0,
            outbox_unflushed: false,
            reader: None,
            writer: None,
            stall: None,
            keeper: None,
            keeping: false,
            armed: None,
            peer_close: None,
            reply: None,
            handler_close: None,
            closed_by: None,
            drain: Drain::default(),
            shutdown_first: false,
            doomed: false,
            broken: false,
            abandoned: false,
            supervised: false,
        }
    }

    /// The outermost layer that has settings decides.
    pub(super) fn configure(&mut self, settings: &Settings) {
        if !std::mem::replace(&mut self.configured, true) {
            self.guard.set_framing(settings.framing);
            self.settings = settings.clone();
        }
    }

    /// The upgrade has completed. What was read of the transport already is judged first.
    pub(super) fn activate(&mut self, io: T, inbox: Vec<u8>, shutdown_first: bool) {
        let Phase::Upgrading(close) = &mut self.phase else { return };
        let close = close.take();
        self.io = Some(io);
        self.guard.standing.opened = Some(now());
        self.guard.standing.received = inbox.len() as u64;
        self.resumed = !inbox.is_empty();
        self.backlog = inbox;
        self.shutdown_first = shutdown_first;
        self.phase = Phase::Open;
        if self.doomed {
            self.abort();
        }
        if let Some((frame, grace)) = close {
            self.begin_close(Some(frame), EndedBy::Guard, grace);
        }
    }

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
                let frame = if panicking { super::panicked() } else { self.parting() };
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
        self.broken = broken;
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

    pub(super) fn send_ping(&mut self) {
        if !matches!(self.phase, Phase::Open) || self.handler_close.is_some() || self.outbox.len() > 512 {
            return;
        }
        let salt = RandomState::new().hash_one(()) >> 32;
        let payload = self.guard.begin_ping(u32::try_from(salt).unwrap_or_default(), now());
        put_control(&mut self.outbox, Opcode::PING, &payload);
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

    /// Whether a keeper must be spawned; if so, it is taken to be.
    pub(super) fn wants_keeper(&mut self) -> bool {
        if self.keeping || matches!(self.phase, Phase::Upgrading(_) | Phase::Over | Phase::Taken { .. }) {
            return false;
        }
        let deadline = if self.guard.has_policies() { self.guard.deadline() } else { None };
        let open = matches!(self.phase, Phase::Open);
        let wanted =
            !open || deadline.is_some() || self.delayed.is_some() || self.outbox_unflushed || !self.outbox.is_empty();
        self.keeping = wanted;
        wanted
    }

    /// Tells the keeper of a deadline that has come nearer. A close that is decided leaves none to keep.
    pub(super) fn rearm(&mut self, deadline: Option<Instant>) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        let next = [deadline, self.delayed].into_iter().flatten().min();
        if next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed)) {
            self.wake_keeper();
        }
    }

    pub(super) fn keeper_leaves(&mut self) {
        self.keeping = false;
        self.keeper = None;
    }

    pub(super) fn wake_keeper(&mut self) {
        if let Some(waker) = self.keeper.take() {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// Keeps the waker of a call that found nothing to do.
pub(super) fn park(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
