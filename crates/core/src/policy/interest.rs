//! What a policy is asked about, so that a connection pays for nothing that no policy wants to know.

use std::ops::BitOr;

/// What a [`Policy`](super::Policy) is asked about, and what is kept for it. Every policy is called for deadlines,
/// pongs and subjects.
///
/// ```
/// use portcullis_core::policy::Interest;
///
/// let both = Interest::INPUT | Interest::OUTPUT;
/// assert_ne!(both, Interest::INPUT);
/// assert_eq!(Interest::NONE | Interest::OUTPUT, Interest::OUTPUT);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Interest {
    pub(crate) input: bool,
    pub(crate) output: bool,
}

impl Interest {
    /// Neither frames nor writes. [`Policy::deadline`](super::Policy::deadline) is not called after each read: it may
    /// come nearer when the policy is called for a pong, a subject or a deadline, or through
    /// [`Activity::stalled_since`](super::Activity::stalled_since), and at no other time.
    pub const NONE: Self = Self { input: false, output: false };

    /// Inbound frames. [`Policy::deadline`](super::Policy::deadline) is called after each read.
    pub const INPUT: Self = Self { input: true, output: false };

    /// What is sent: [`Activity::last_message_out`](super::Activity::last_message_out) and
    /// [`Activity::stalled_since`](super::Activity::stalled_since), which are kept only where a policy wants them,
    /// because that costs a look at the clock for each write.
    pub const OUTPUT: Self = Self { input: false, output: true };
}

/// Both.
impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { input: self.input || other.input, output: self.output || other.output }
    }
}
