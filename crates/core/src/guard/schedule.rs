//! What the driver of a connection waits for: the task that does what its handler may not get to.

use std::time::Instant;

/// Whether there is a driver, and the earliest time that it was told of.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    driven: bool,
    armed: Armed,
}

#[derive(Debug, Default)]
enum Armed {
    /// It was told of no time.
    #[default]
    Never,
    At(Instant),
    /// It is at work, and asks for itself.
    Awake,
}

impl Schedule {
    #[inline]
    pub(super) fn is_driven(&self) -> bool {
        self.driven
    }

    /// There is a driver if one is wanted. Returns that.
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
