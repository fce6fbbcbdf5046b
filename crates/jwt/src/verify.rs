//! The verification of a token: the trait between the layer and what knows the keys.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use portcullis_core::{Decision, identity::Subject};
use tokio::time::timeout;

use crate::{error::TokenError, token_id::TokenId};

/// The longest token that is looked at by default, in bytes.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;

/// What a verified token says. Fields that are `None` have consequences:
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use portcullis_core::identity::Subject;
/// use portcullis_jwt::Verified;
///
/// let mut verified = Verified::new("the claims");
/// verified.subject = Some(Subject::new("alice")); // or no limit per subject applies, and no renewal
/// verified.id = Some("7".into()); // or it cannot be revoked by itself, nor be a ticket
/// verified.issued_at = Some(SystemTime::now()); // or any revocation of its subject revokes it
/// verified.expires_at = Some(SystemTime::now() + Duration::from_secs(3600)); // or it is good for ever
/// assert!(!format!("{verified:?}").contains("claims"), "claims may be secret");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Verified<T> {
    /// The claims.
    pub claims: T,
    /// The subject that the token is about.
    pub subject: Option<Subject>,
    /// The id of the token (`jti`), by which it can be revoked, or used once.
    pub id: Option<TokenId>,
    /// When the token was issued.
    pub issued_at: Option<SystemTime>,
    /// When the token expires. It is not accepted from then on, and the connection is closed then.
    pub expires_at: Option<SystemTime>,
}

impl<T> Verified<T> {
    /// Creates a verified token of which only the claims are known: no subject, no id, and no expiry.
    pub fn new(claims: T) -> Self {
        Self { claims, subject: None, id: None, issued_at: None, expires_at: None }
    }
}

impl<T> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Verifies tokens. `Verifier` does for JWTs; implement it for tokens that only their issuer can read.
///
/// ```
/// use portcullis_jwt::{TokenError, Verification, Verified, Verify};
///
/// /// Asks the issuer what a token is worth (RFC 7662).
/// struct Introspection;
///
/// # async fn introspect(token: &str) -> Option<String> { (token == "opaque").then(|| "alice".to_owned()) }
/// impl Verify<String> for Introspection {
///     fn verify(&self, token: &str) -> Verification<String> {
///         // What can be decided at once needs no future.
///         if token.is_empty() {
///             return Verification::ready(Err(TokenError::Missing));
///         }
///         let token = token.to_owned();
///         Verification::wait(async move {
///             let user = introspect(&token).await.ok_or(TokenError::Invalid("not active"))?;
///             Ok(Verified::new(user))
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// assert_eq!(Introspection.verify("opaque").await.unwrap().claims, "alice");
/// assert_eq!(Introspection.verify("guessed").await.unwrap_err(), TokenError::Invalid("not active"));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not verify tokens with claims `{T}`",
    note = "build a `Verifier`, whose claims must implement `serde::de::DeserializeOwned`, or implement `Verify<{T}>`"
)]
pub trait Verify<T>: Send + Sync + 'static {
    /// Verifies a token. It may be any text of up to [`max_bytes`](Self::max_bytes) that a client sends.
    fn verify(&self, token: &str) -> Verification<T>;

    /// Returns the maximum size of a token in bytes, 8 KiB by default. A larger one is refused before it is verified:
    /// in a handshake, in a first message, and in a renewal.
    ///
    /// ```
    /// use portcullis_jwt::{TokenError, Verification, Verified, Verify};
    ///
    /// /// Tokens that a database knows: 32 characters each, so nothing longer is looked up.
    /// struct Opaque;
    ///
    /// impl Verify<()> for Opaque {
    ///     fn verify(&self, token: &str) -> Verification<()> {
    ///         let known = token.len() == 32;
    ///         Verification::ready(if known { Ok(Verified::new(())) } else { Err(TokenError::Invalid("unknown")) })
    ///     }
    ///
    ///     fn max_bytes(&self) -> usize {
    ///         32
    ///     }
    /// }
    /// assert_eq!(Opaque.max_bytes(), 32);
    /// ```
    fn max_bytes(&self) -> usize {
        MAX_TOKEN
    }

    /// Returns the time by the verifier's clock. A panic in it leaves a session unchanged.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The result of a verification, at once or later. If it has to wait for longer than
/// [`JwtLayer::verify_timeout`](crate::JwtLayer::verify_timeout), the layer drops it.
pub type Verification<T> = Decision<Result<Verified<T>, TokenError>>;

/// The result, or a verification that gives up after a time if it has to wait.
pub(crate) fn within<T: Send + 'static>(
    verification: Verification<T>,
    time: Duration,
) -> Result<Result<Verified<T>, TokenError>, Verification<T>> {
    verification.at_once().map_err(|waiting| {
        // The time runs from here, and not from the first poll.
        let patient = timeout(time, waiting);
        Decision::wait(async move { patient.await.unwrap_or(Err(TokenError::Unavailable)) })
    })
}
