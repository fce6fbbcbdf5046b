//! What layers can report about a live connection on request.

use std::time::SystemTime;

/// Implemented by what a layer keeps for a connection and can report about it.
///
/// A layer hands it to [`Connection::described_by`](crate::Connection::described_by). It is called only when the
/// description is requested, and must not block.
///
/// ```
/// # #[cfg(feature = "guard")] {
/// use std::time::{Duration, SystemTime};
/// use portcullis_core::observe::{Describe, Description};
///
/// /// A session of the application's own.
/// struct Session { ends: SystemTime }
///
/// impl Describe for Session {
///     fn describe(&self, description: &mut Description) {
///         description.ends(Some(self.ends));
///     }
/// }
///
/// let (mut description, noon) = (Description::default(), SystemTime::now());
/// Session { ends: noon + Duration::from_secs(60) }.describe(&mut description);
/// Session { ends: noon }.describe(&mut description); // another layer has one as well
/// assert_eq!(description.expires_at, Some(noon), "the earliest counts");
/// # }
/// ```
pub trait Describe: Send + Sync + 'static {
    /// Adds what it knows.
    fn describe(&self, description: &mut Description);
}

/// What the layers of a connection report about it: see [`Connection::description`](crate::Connection::description).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// How many messages the peer could send now, by the tightest quota.
    pub quota_left: Option<u64>,
    /// How often the peer has exceeded a quota.
    pub violations: u64,
    /// When the session ends.
    pub expires_at: Option<SystemTime>,
}

impl Description {
    /// Adds a quota. Of several, the one with the least left counts.
    pub fn quota(&mut self, left: Option<u64>, violations: u64) {
        self.quota_left = self.quota_left.into_iter().chain(left).min();
        self.violations = self.violations.max(violations);
    }

    /// Adds the end of a session. Of several, the earliest counts.
    pub fn ends(&mut self, at: Option<SystemTime>) {
        self.expires_at = self.expires_at.into_iter().chain(at).min();
    }
}
