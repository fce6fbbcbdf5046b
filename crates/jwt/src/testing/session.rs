//! A session that no handshake has begun.

use portcullis_core::clock::now;

use crate::{JwtLayer, Session, TokenError, Verification, Verified, Verify, spend::Spent};

impl<T: Send + Sync + 'static> Session<T> {
    /// Makes a session from values, for the unit test of a handler that takes one. In the extensions of a request,
    /// [`Session`] and [`Claims`](crate::Claims) are extracted from it.
    ///
    /// It belongs to no connection, so nothing closes when it ends. It is not renewed: for that, see
    /// [`Tokens::session`](crate::testing::Tokens::session).
    ///
    /// ```
    /// use portcullis_jwt::{Session, TokenError, Verified};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let session = Session::detached(Verified::new("alice"));
    /// assert_eq!(session.claims().as_deref(), Some(&"alice"));
    /// assert!(matches!(session.renew("a token").await, Err(TokenError::Invalid(_))));
    /// # }
    /// ```
    pub fn detached(verified: Verified<T>) -> Self {
        Self::verified_by(Nothing, verified)
    }

    pub(super) fn verified_by(verify: impl Verify<T>, verified: Verified<T>) -> Self {
        let settings = JwtLayer::new(verify).settings();
        let session = Self::new(settings.clone(), false);
        let time = settings.time(now());
        session
            .open(Spent { verified, time })
            .expect("a layer without rules, tickets or revocations accepts every session");
        session
    }
}

/// Accepts nothing.
struct Nothing;

impl<T> Verify<T> for Nothing {
    fn verify(&self, _: &str) -> Verification<T> {
        Verification::ready(Err(TokenError::Invalid("a detached session has no verifier")))
    }
}
