//! What layers can say of a live connection when they are asked.

use std::time::SystemTime;

/// Implemented by what a layer keeps for a connection, if it can say something of it.
///
/// A layer hands it to [`Connection::described_by`](crate::Connection::described_by). It is asked only when somebody
/// wants to know, and must not block.
pub trait Describe: Send + Sync + 'static {
    /// Adds what it knows.
    fn describe(&self, description: &mut Description);
}

/// What the layers of a connection say of it: see [`Connection::description`](crate::Connection::description).
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
