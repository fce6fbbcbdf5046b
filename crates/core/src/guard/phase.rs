//! The phases of a connection, from the upgrade to its end.
//!
//! A connection only moves forward through them: a transport that was taken from the handler is never given back.
//!
//! What each phase allows is in `access`, what leads from one to the next in `closing`, and what is due in it in
//! `driving`. None of these looks at more than the phase and the flags in `Closes`, which is why a table can list all
//! combinations (`guard/tests/closing.rs`).
//!
//! A close or an abort may be requested before there is a transport, from another task or by a policy that is being
//! installed. [`Requested`] keeps it. A close is carried out once; an abort stays, because there is no way back from
//! it.

use std::time::{Duration, Instant};

use crate::{
    close::CloseFrame,
    ended::EndedBy,
    settings::{Grace, Settings},
};

/// The longest grace, so that adding it to a time does not overflow.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long writes are discarded after the connection was taken from its handler. After that they fail.
///
/// Long enough for the handler's library to answer the close that it reads, which must not fail. Short enough to stop a
/// handler that only writes, and never reads that the connection is closed.
const SWALLOW: Duration = Duration::from_millis(100);

/// The longest time that a handler gets for its last frame after the process has stood still.
const LONGEST_EXCUSE: Duration = Duration::from_secs(1);

/// The phase that a connection is in.
#[derive(Debug)]
pub(super) enum Phase {
    /// The upgrade has not completed. A close or abort that was requested meanwhile waits.
    Upgrading(Requested),
    /// Frames pass both ways.
    Open,
    /// A close is decided. The handler may still answer what was admitted before it.
    Ending(Box<Ending>),
    /// The closing handshake has the transport. What the handler writes is discarded until that time, unless it has
    /// closed or is gone.
    Taken(Option<Box<Instant>>),
    /// The transport is to be dropped as it is.
    Aborted,
    /// The transport has failed, and is gone. The handler may read what was received before.
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
    /// From here on the handler's reads and writes do not reach the peer. A handler that has closed is not waited for:
    /// it knows that nothing may follow its close frame.
    pub(super) fn taken(now: Instant, swallows: bool) -> Self {
        Self::Taken(swallows.then(|| Box::new(now + SWALLOW)))
    }
}

/// A close or abort that was requested before there was a transport.
#[derive(Debug)]
pub(crate) enum Requested {
    Nothing,
    Close(Box<Asked>),
    Abort,
}

/// A requested close, with the given patience or the connection's.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) frame: CloseFrame,
    pub(super) patience: Option<Patience>,
}

impl Requested {
    /// Takes a close, which is carried out once. An abort stays: there is no way back from it.
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
    /// The connection is taken over once the handler has sent nothing for this long.
    quiet: Duration,
    /// At the latest after this time.
    grace: Duration,
}

impl Patience {
    fn new(quiet: Duration, grace: Duration) -> Self {
        Self { quiet: quiet.min(LONGEST), grace: grace.min(LONGEST) }
    }

    /// The patience in a connection's settings.
    pub(super) fn of(settings: &Settings) -> Self {
        Self::new(settings.quiet, settings.grace)
    }

    /// Leaves the handler no time to go on.
    pub(super) fn without_grace(self) -> Self {
        Self { grace: Duration::ZERO, ..self }
    }

    /// Applies the grace of one close.
    pub(super) fn for_close(self, grace: Grace) -> Self {
        let time = if grace.at_least { self.grace.max(grace.time) } else { grace.time };
        Self::new(self.quiet.max(grace.quiet), time)
    }
}

/// A close that is decided.
///
/// `quiet_at` never lies behind `deadline`: a handler that writes without pause is stopped at the deadline all the
/// same.
#[derive(Debug)]
pub(super) struct Ending {
    /// The close frame for the peer. `None` if the handler's close frame was sent in its place.
    pub(super) frame: Option<CloseFrame>,
    pub(super) by: EndedBy,
    patience: Patience,
    /// The connection is taken over at this time at the latest.
    deadline: Instant,
    /// From this time on a handler that never pauses is stopped at the end of its current frame.
    last_frame: Instant,
    /// The connection is taken over at this time if nothing is sent until then. Each write moves it.
    quiet_at: Instant,
    /// The driver has looked since `last_frame`.
    last_frame_seen: bool,
    /// The driver was late for the deadline, which was moved for it. Once is enough: a driver that is always late must
    /// not put off the end for ever.
    excused: bool,
}

impl Ending {
    pub(super) fn new(frame: Option<CloseFrame>, by: EndedBy, patience: Patience, now: Instant) -> Self {
        let grace = patience.grace;
        // At the deadline the handler may be in the middle of a frame, where no close frame can follow. The last
        // quarter of the grace gives a handler that never pauses the time to complete its current frame.
        let (deadline, last_frame) = (now + grace, now + grace / 4 * 3);
        let quiet_at = now + patience.quiet.min(grace);
        Self { frame, by, patience, deadline, last_frame, quiet_at, last_frame_seen: false, excused: false }
    }

    /// The driver looks. Where it comes late, the process or the task has not run, and nor has the handler, which is to
    /// have its time for the last frame all the same: in the middle of a frame no close frame can follow.
    pub(super) fn noticed(&mut self, now: Instant) {
        let time = (self.patience.grace / 4).min(LONGEST_EXCUSE);
        if self.is_last_frame(now) && !self.last_frame_seen {
            self.last_frame_seen = true;
            self.deadline = self.deadline.max(now + time);
        } else if now > self.deadline + time && !self.excused {
            self.excused = true;
            self.deadline = now + time;
        }
    }

    /// Ends the grace: there is nothing to wait for any more.
    pub(super) fn end_grace(&mut self, now: Instant) {
        self.patience.grace = Duration::ZERO;
        (self.deadline, self.quiet_at, self.last_frame) = (now, now, now);
    }

    /// The handler has sent something.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.quiet_at = (now + self.patience.quiet).min(self.deadline);
    }

    /// Whether the handler may only finish its current frame.
    pub(super) fn is_last_frame(&self, now: Instant) -> bool {
        now >= self.last_frame
    }

    /// Whether the connection is to be taken over now. `settled`: the handler is between two frames.
    pub(super) fn is_due(&self, settled: bool, now: Instant) -> bool {
        let quiet = now >= self.quiet_at || self.is_last_frame(now);
        now >= self.deadline || (quiet && settled)
    }

    /// The next time at which [`is_due`](Self::is_due) may change, unless the handler writes.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        [self.quiet_at, self.last_frame, self.deadline].into_iter().filter(|time| *time > now).min()
    }
}
