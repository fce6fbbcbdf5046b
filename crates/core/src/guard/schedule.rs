//! Whether a connection has a driver, and which time it sleeps until. With it, only a deadline that comes nearer wakes
//! the driver, and not each message.
//!
//! A message may move a deadline at each read, mostly further away. Waking a task costs more than judging the message,
//! so the driver is woken only where it would come too late. It then finds that a deadline has moved on, and sleeps
//! again: at most one needless wake for each time that it was armed.

use std::time::Instant;

/// Whether there is a driver, and until when it sleeps.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    driven: bool,
    armed: Armed,
}

#[derive(Debug, Default)]
enum Armed {
    /// It sleeps until it is woken.
    #[default]
    Never,
    /// It sleeps until that time, at most.
    At(Instant),
    /// It is running, and computes the next time before it sleeps.
    Awake,
}

impl Schedule {
    #[inline]
    pub(super) fn is_driven(&self) -> bool {
        self.driven
    }

    /// From here on there is a driver, or none. Returns `wanted`.
    pub(super) fn drive(&mut self, wanted: bool) -> bool {
        self.driven = wanted;
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

    /// Whether the driver would come too late for `next`.
    pub(super) fn is_late_for(&self, next: Option<Instant>) -> bool {
        next.is_some_and(|next| match self.armed {
            Armed::Never => true,
            Armed::At(armed) => next < armed,
            Armed::Awake => false,
        })
    }
}
