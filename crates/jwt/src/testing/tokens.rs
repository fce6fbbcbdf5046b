//! A verifier of tokens that a test names, instead of signing them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use portcullis_core::testing::Clock;

use crate::{Session, TokenError, Verification, Verified, Verify, sync::lock};

/// Accepts tokens that a test has named, with what they say, and no others. Nothing is signed or kept secret.
///
/// A token is refused, and a connection closed, when [`Verified::expires_at`] has come on its clock. Clones accept the
/// same tokens.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use portcullis_core::testing::Clock;
/// use portcullis_jwt::{TokenError, Verified, Verify, testing::Tokens};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), TokenError> {
/// let clock = Clock::new();
/// let mut alice = Verified::new("alice");
/// alice.expires_at = Some(clock.now() + Duration::from_secs(60));
/// let tokens = Tokens::new(&clock).accept("a token of alice's", alice);
///
/// assert_eq!(tokens.verify("a token of alice's").await?.claims, "alice");
/// assert!(matches!(tokens.verify("another token").await, Err(TokenError::Invalid(_))));
/// tokio::time::sleep(Duration::from_secs(60)).await; // takes no time: the clock is paused
/// assert!(matches!(tokens.verify("a token of alice's").await, Err(TokenError::Expired)));
/// # Ok(()) }
/// ```
pub struct Tokens<T> {
    clock: Clock,
    known: Arc<Mutex<HashMap<String, Verified<T>>>>,
}

impl<T: Clone> Tokens<T> {
    /// Creates a verifier that accepts no token yet. Tokens expire by `clock`.
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), known: Arc::default() }
    }

    /// Accepts a token. If it was accepted before, what it says is replaced.
    pub fn accept(self, token: impl Into<String>, verified: Verified<T>) -> Self {
        self.known().insert(token.into(), verified);
        self
    }

    /// Makes a session from a token, for the unit test of a handler that takes one: [`Session::detached`], which can be
    /// renewed with the tokens that are accepted here.
    ///
    /// # Errors
    ///
    /// Why the token is not accepted.
    pub fn session(&self, token: &str) -> Result<Session<T>, TokenError>
    where
        T: Send + Sync + 'static,
    {
        Ok(Session::verified_by(self.clone(), self.look_up(token)?))
    }

    fn look_up(&self, token: &str) -> Result<Verified<T>, TokenError> {
        let verified = self.known().get(token).cloned().ok_or(TokenError::Invalid("not a token of this test"))?;
        if verified.expires_at.is_some_and(|ends| self.clock.now() >= ends) {
            return Err(TokenError::Expired);
        }
        Ok(verified)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Verified<T>>> {
        lock(&self.known)
    }
}

impl<T: Clone + Send + Sync + 'static> Verify<T> for Tokens<T> {
    fn verify(&self, token: &str) -> Verification<T> {
        Verification::ready(self.look_up(token))
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

impl<T> Clone for Tokens<T> {
    fn clone(&self) -> Self {
        Self { clock: self.clock.clone(), known: self.known.clone() }
    }
}

impl<T> fmt::Debug for Tokens<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_core::identity::Subject;

    use super::*;

    fn alice(ends: SystemTime) -> Verified<u32> {
        let mut verified = Verified::new(7);
        verified.subject = Some(Subject::new("alice"));
        verified.expires_at = Some(ends);
        verified
    }

    #[tokio::test]
    async fn a_session_of_known_tokens_is_renewed_by_them() {
        let clock = Clock::at(SystemTime::UNIX_EPOCH);
        let [soon, late] = [1, 2].map(|hours| clock.now() + Duration::from_secs(hours * 3600));
        let tokens = Tokens::new(&clock).accept("soon", alice(soon)).accept("late", alice(late));
        let session = tokens.session("soon").unwrap();
        assert_eq!((session.claims().as_deref(), session.expires_at()), (Some(&7), Some(soon)));
        assert_eq!(session.renew("late").await, Ok(Some(late)));
        assert_eq!(session.renew("unknown").await, Err(TokenError::Invalid("not a token of this test")));
        clock.set(late);
        assert_eq!(session.renew("late").await, Err(TokenError::Expired));
        assert_eq!(tokens.session("late").unwrap_err(), TokenError::Expired);
    }
}
