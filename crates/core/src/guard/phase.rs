//! The phases of a connection, from the upgrade to its end.

use std::time::{Duration, Instant};

use crate::{
    close::CloseFrame,
    ended::EndedBy,
    settings::{Grace, Settings},
};

/// No grace is longer, so that no time overflows.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long what a handler writes after the connection was taken from it is swallowed; then it is refused.
///
/// Long enough for its library to answer the close that it reads, which must not look like a failure to the handler;
/// too short for a handler that never reads to take it for a peer.
const SWALLOW: Duration = Duration::from_millis(100);

/// Where a connection stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The upgrade has not completed; an end that was asked for meanwhile waits.
    Upgrading(Requested),
    /// Frames pass both ways.
    Open,
    /// A close is decided; what was admitted before is still being answered.
    Ending(Box<Ending>),
    /// The transport was taken from the handler, which may write until then.
    Taken { swallow_until: Instant, handler_closed: bool },
    /// The transport is to be dropped as it is.
    Aborted,
    /// The transport has failed, and is gone. The handler may read what came before.
    Lost,
    /// There is no transport any more.
    Over,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Upgrading(Requested::Nothing)
    }
}

impl Phase {
    /// What a handler reads and writes from here on is not the peer's.
    pub(super) fn taken(now: Instant, handler_closed: bool) -> Self {
        Self::Taken { swallow_until: now + SWALLOW, handler_closed }
    }
}

/// An end that was asked for before there was a transport.
#[derive(Debug)]
pub(crate) enum Requested {
    Nothing,
    Close(Box<Asked>),
    Abort,
}

/// A close, with a patience of its own or the connection's.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) frame: CloseFrame,
    pub(super) patience: Option<Patience>,
}

impl Requested {
    /// Takes a close, as it is carried out once; an abort stays one.
    pub(super) fn take(&mut self) -> Self {
        match self {
            Self::Abort => Self::Abort,
            _ => std::mem::replace(self, Self::Nothing),
        }
    }
}

/// How long a handler may go on once a close is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long it must have sent nothing.
    quiet: Duration,
    /// And how long in all.
    grace: Duration,
}

impl Patience {
    fn new(quiet: Duration, grace: Duration) -> Self {
        Self { quiet: quiet.min(LONGEST), grace: grace.min(LONGEST) }
    }

    /// What is set.
    pub(super) fn of(settings: &Settings) -> Self {
        Self::new(settings.quiet, settings.grace)
    }

    /// With no time for the handler to go on.
    pub(super) fn without_grace(self) -> Self {
        Self { grace: Duration::ZERO, ..self }
    }

    /// With the grace of one close.
    pub(super) fn for_close(self, grace: Grace) -> Self {
        let time = if grace.at_least { self.grace.max(grace.time) } else { grace.time };
        Self::new(self.quiet.max(grace.quiet), time)
    }
}

/// A close that is decided.
#[derive(Debug)]
pub(super) struct Ending {
    /// What the peer is told, unless the handler has told it already.
    pub(super) frame: Option<CloseFrame>,
    pub(super) by: EndedBy,
    patience: Patience,
    /// The connection is taken at that time at the latest.
    deadline: Instant,
    /// From then on a handler that never pauses is stopped at the end of the frame it is in.
    last_frame: Instant,
    /// The connection is taken if nothing was sent until then; each write moves it.
    quiet_at: Instant,
}

impl Ending {
    pub(super) fn new(frame: Option<CloseFrame>, by: EndedBy, patience: Patience, now: Instant) -> Self {
        let grace = patience.grace;
        // At the deadline a connection may be taken in the middle of a frame, where no close frame can follow. The last
        // quarter is for a handler that never pauses to come to the end of one.
        let (deadline, last_frame) = (now + grace, now + grace / 4 * 3);
        Self { frame, by, patience, deadline, last_frame, quiet_at: now + patience.quiet.min(grace) }
    }

    /// There is nothing to wait for any more.
    pub(super) fn end_grace(&mut self, now: Instant) {
        (self.deadline, self.quiet_at, self.last_frame) = (now, now, now);
    }

    /// The handler has sent something.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.quiet_at = (now + self.patience.quiet).min(self.deadline);
    }

    /// Whether the handler may finish the frame it is in, and begin no other.
    pub(super) fn is_last_frame(&self, now: Instant) -> bool {
        now >= self.last_frame
    }

    /// Whether the connection is to be taken now. `settled`: the handler stands between two frames.
    pub(super) fn is_due(&self, settled: bool, now: Instant) -> bool {
        let quiet = now >= self.quiet_at || self.is_last_frame(now);
        now >= self.deadline || (quiet && settled)
    }

    /// When that has to be asked again.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        [self.quiet_at, self.last_frame, self.deadline].into_iter().filter(|time| *time > now).min()
    }
}
