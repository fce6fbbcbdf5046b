//! The state of a guarded connection, and the ways in which it changes.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use super::{closing::Drain, stall::Stall};
use crate::{
    clock::now,
    close::CloseFrame,
    ended::EndedBy,
    frame::{Opcode, put_control},
    gate::Gate,
    guard::Guard,
    settings::Settings,
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
    pub(super) configured: bool,
    pub(super) phase: Phase,
    /// What the connection must say before its handler gets it.
    pub(super) gate: Option<Box<Gate>>,
    /// Read and not admitted: an incomplete header or control frame, or what waits for a delay.
    pub(super) backlog: Vec<u8>,
    /// Admitted, and not delivered yet for want of room.
    pub(super) admitted: Vec<u8>,
    /// Nothing is read before that time.
    pub(super) delayed: Option<Instant>,
    /// Reading failed before the handler read.
    pub(super) failed: Option<io::Error>,
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
    pub(super) keeping: bool,
    /// The keeper has the earliest deadline that it was last told of.
    pub(super) armed: Option<Instant>,
    pub(super) peer_close: Option<CloseFrame>,
    pub(super) reply: Option<CloseFrame>,
    pub(super) handler_close: Option<CloseFrame>,
    /// Who sent the first close frame.
    pub(super) closed_by: Option<EndedBy>,
    pub(super) drain: Drain,
    pub(super) shutdown_first: bool,
    /// It was aborted before the upgrade had completed.
    pub(super) doomed: bool,
    /// Reading failed: nothing can be said to the peer any more.
    pub(super) broken: bool,
    /// The handler's half is gone.
    pub(super) abandoned: bool,
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
            failed: None,
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

    pub(super) fn send_ping(&mut self) {
        if !matches!(self.phase, Phase::Open) || self.handler_close.is_some() || self.outbox.len() > 512 {
            return;
        }
        let salt = RandomState::new().hash_one(()) >> 32;
        let payload = self.guard.begin_ping(u32::try_from(salt).unwrap_or_default(), now());
        put_control(&mut self.outbox, Opcode::PING, &payload);
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
