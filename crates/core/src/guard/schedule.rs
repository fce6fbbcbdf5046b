//! Whether a connection has a driver, or an alarm in its place, and which time that waits for. With it, only a deadline
//! that comes nearer wakes the driver, and not each message.
//!
//! A message may move a deadline at each read, mostly further away. Waking a task costs more than judging the message,
//! so the driver is woken only where it would come too late. It then finds that a deadline has moved on, and sleeps
//! again: at most one needless wake for each time that it was armed.

use std::time::Instant;

use super::Guard;

/// What meets the deadlines of a connection. Beside [`Armed`] in the guard, where there is room for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Attendant {
    /// Nothing.
    #[default]
    None,
    /// An alarm, at a time that is far off.
    Alarm,
    /// A task of its own, which also does what the handler may not get to.
    Driver,
}

/// What the attendant waits for.
#[derive(Debug, Default)]
pub(super) enum Armed {
    /// It sleeps until it is woken.
    #[default]
    Never,
    /// It sleeps until that time, at most.
    At(Instant),
    /// It is running, and computes the next time before it sleeps.
    Awake,
}

impl Guard {
    #[inline]
    pub(crate) fn is_driven(&self) -> bool {
        self.attendant == Attendant::Driver
    }

    /// Whether deadlines are met as they were at the last look.
    #[inline]
    pub(super) fn is_attended(&self) -> bool {
        self.attendant != Attendant::None
    }

    /// The time for which an alarm is set.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        match self.armed {
            Armed::At(at) if self.attendant == Attendant::Alarm => Some(at),
            _ => None,
        }
    }

    /// From here on there is an alarm instead of a driver.
    pub(super) fn set_alarm(&mut self, at: Instant) {
        (self.attendant, self.armed) = (Attendant::Alarm, Armed::At(at));
    }

    /// From here on there is a driver, or nothing. Returns `wanted`.
    pub(super) fn drive(&mut self, wanted: bool) -> bool {
        self.attendant = if wanted { Attendant::Driver } else { Attendant::None };
        self.armed = Armed::Never;
        wanted
    }

    /// While it is awake nothing needs to wake it: it computes the next time at the end of its look, under the same
    /// lock.
    pub(super) fn awake(&mut self) {
        self.armed = Armed::Awake;
    }

    /// Called under the lock under which the driver has parked its waker, so that a deadline which comes nearer after
    /// this finds both.
    pub(super) fn sleep(&mut self, until: Option<Instant>) {
        self.armed = until.map_or(Armed::Never, Armed::At);
    }

    /// Whether the driver, or the alarm, would come too late for `next`.
    pub(super) fn is_late_for(&self, next: Option<Instant>) -> bool {
        next.is_some_and(|next| match self.armed {
            Armed::Never => true,
            Armed::At(armed) => next < armed,
            Armed::Awake => false,
        })
    }
}
