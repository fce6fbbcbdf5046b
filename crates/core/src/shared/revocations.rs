//! Revocations that hold on all nodes.

use std::{
    sync::Weak,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{Away, Name};
use crate::decision::Decision;

/// A revocation: of all tokens of a name, or of those that were issued up to a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// The name of a token, of a subject, or of all tokens.
    pub name: Name,
    /// Which of its tokens are revoked.
    pub issued: Issued,
    /// How long it must be remembered from now on.
    pub life: Duration,
    /// Whether connections that are open now are closed whenever their tokens were issued.
    pub all_live: bool,
}

impl Revocation {
    /// Creates a revocation that is remembered for `life`.
    pub const fn new(name: Name, issued: Issued, life: Duration) -> Self {
        Self { name, issued, life, all_live: false }
    }

    /// Also closes all connections that are open now, whenever their tokens were issued.
    pub const fn all_live(self) -> Self {
        Self { all_live: true, ..self }
    }
}

/// Which tokens, by the time at which they were issued, in whole microseconds. Of two of these values, the greater one
/// includes the tokens of the other.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use portcullis_core::shared::Issued;
///
/// let second = Duration::from_secs(1);
/// let noon = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// assert!(Issued::before(noon).has(Some(noon - second)));
/// assert!(!Issued::before(noon).has(Some(noon)));
/// assert!(Issued::up_to(noon).has(Some(noon)));
/// assert!(Issued::before(noon).has(None), "a token that does not say when it was issued");
/// assert!(Issued::before(noon) < Issued::up_to(noon));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issued(u64);

impl Issued {
    /// All tokens.
    pub const ALL: Self = Self((1 << 53) - 1);

    /// Tokens that were issued before `time`.
    pub fn before(time: SystemTime) -> Self {
        Self(2 * micros(time))
    }

    /// Tokens that were issued at `time` or before.
    pub fn up_to(time: SystemTime) -> Self {
        Self(2 * micros(time) + 1)
    }

    /// Returns true if a token is included. A token that does not say when it was issued may be old, so it is.
    pub fn has(self, issued: Option<SystemTime>) -> bool {
        self == Self::ALL || issued.is_none_or(|issued| 2 * micros(issued) < self.0)
    }

    /// Returns the value as a number below 2^53. A greater number includes more tokens.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Creates a value from a number. A number that is too large includes all tokens.
    pub const fn from_u64(number: u64) -> Self {
        if number < Self::ALL.0 { Self(number) } else { Self::ALL }
    }
}

/// What lies before 1970 or after 2112 is cut off.
fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX).min(Issued::ALL.0 / 2 - 1)
}

/// A node's copy of what all nodes have revoked.
pub trait RevocationCopy: Send + Sync + 'static {
    /// Applies a revocation, perhaps not for the first time. `until` is the latest time at which it can have been
    /// revoked; it is `None` for a revocation that the store remembered.
    fn apply(&self, revocation: Revocation, until: Option<Instant>);

    /// Returns all revocations of the copy, for a store that has lost them.
    fn all(&self) -> Vec<Revocation>;
}

/// A store that broadcasts revocations to all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not broadcast revocations to other nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareRevocations: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Sends a revocation to the other nodes, whether or not the decision is awaited. It is true if the store has
    /// accepted the revocation. If the store cannot be reached now, it is notified when it is back.
    fn publish(&self, revocation: Revocation) -> Decision<bool>;

    /// Keeps a copy up to date for as long as the copy lives.
    fn follow(&self, copy: Weak<dyn RevocationCopy>);

    /// Returns what the layer does while a copy may be incomplete, or `None` if it is complete. A copy cannot be
    /// divided, so a store never returns [`Away::Share`].
    fn stale(&self) -> Option<Away>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_revoked_by_when_they_were_issued() {
        let time = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let micro = Duration::from_micros(1);
        for (which, before, then, after) in [
            (Issued::before(time), true, false, false),
            (Issued::up_to(time), true, true, false),
            (Issued::ALL, true, true, true),
            (Issued::from_u64(u64::MAX), true, true, true),
            (Issued::from_u64(0), false, false, false),
        ] {
            assert_eq!(which.has(Some(time - micro)), before, "{which:?}");
            assert_eq!(which.has(Some(time)), then, "{which:?}");
            assert_eq!(which.has(Some(time + micro)), after, "{which:?}");
            assert!(which.has(None), "{which:?}: it may have been issued before");
            assert_eq!(Issued::from_u64(which.as_u64()), which);
        }
        assert!(Issued::before(time) < Issued::up_to(time) && Issued::up_to(time) < Issued::ALL);
    }

    #[test]
    fn a_time_that_no_number_can_say_is_the_nearest_one() {
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert!(Issued::up_to(far) < Issued::ALL && Issued::up_to(far).has(Some(far)));
        assert!(!Issued::before(UNIX_EPOCH - Duration::from_secs(1)).has(Some(UNIX_EPOCH)));
    }
}
