//! Whether a connection has a driver, and which time it sleeps until. With it, only a deadline that comes nearer wakes
//! the driver, and not each message.

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

    pub(super) fn awake(&mut self) {
        self.armed = Armed::Awake;
    }

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
