//! What verifies a token: the trait between the layer and whoever knows the keys.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use portcullis_core::identity::Subject;
use tokio::time::timeout;

use crate::{error::TokenError, token_id::TokenId};

/// The longest token that is looked at by default, in bytes.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;

/// What a verified token says.
#[derive(Clone)]
#[non_exhaustive]
pub struct Verified<T> {
    /// The claims.
    pub claims: T,
    /// Who it speaks of.
    pub subject: Option<Subject>,
    /// Its own name (`jti`), by which it may be revoked, or used once.
    pub id: Option<TokenId>,
    /// When it was issued.
    pub issued_at: Option<SystemTime>,
    /// When it ends; the connection does too.
    pub expires_at: Option<SystemTime>,
}

impl<T> Verified<T> {
    /// Claims of which nothing else is known: a session of nobody in particular, without an end.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not verify tokens with claims `{T}`",
    note = "build a `Verifier`, whose claims must implement `serde::de::DeserializeOwned`, or implement `Verify<{T}>`"
)]
pub trait Verify<T>: Send + Sync + 'static {
    /// Verifies a token. It may be anything a client sends, of up to [`max_bytes`](Self::max_bytes).
    fn verify(&self, token: &str) -> Verification<T>;

    /// The longest token that is looked at, in bytes. 8 KiB by default; a longer one is refused before it is verified,
    /// in a handshake, in a first message, and in a renewal.
    fn max_bytes(&self) -> usize {
        MAX_TOKEN
    }

    /// The time, as the verifier sees it. A panic in it leaves a session as it was.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The result of a verification, at once or later.
#[must_use = "futures do nothing unless polled"]
pub struct Verification<T>(Kind<T>);

enum Kind<T> {
    Ready(Option<Box<Result<Verified<T>, TokenError>>>),
    Waiting(Pin<Box<dyn Future<Output = Result<Verified<T>, TokenError>> + Send>>),
}

impl<T> Verification<T> {
    /// The result is known.
    pub fn ready(result: Result<Verified<T>, TokenError>) -> Self {
        Self(Kind::Ready(Some(Box::new(result))))
    }

    /// Somebody must be asked. The layer gives up after
    /// [`JwtLayer::verify_timeout`](crate::JwtLayer::verify_timeout), and drops the future.
    pub fn wait(future: impl Future<Output = Result<Verified<T>, TokenError>> + Send + 'static) -> Self {
        Self(Kind::Waiting(Box::pin(future)))
    }

    /// Changes what a verified token says.
    pub(crate) fn map(self, change: impl FnOnce(Verified<T>) -> Verified<T> + Send + 'static) -> Self
    where
        T: Send + 'static,
    {
        match self.0 {
            Kind::Ready(result) => Self(Kind::Ready(result.map(|result| Box::new(result.map(change))))),
            Kind::Waiting(future) => Self::wait(async move { future.await.map(change) }),
        }
    }

    /// Gives up after a time, if it has to wait at all.
    pub(crate) fn within(self, time: Duration) -> Self
    where
        T: Send + 'static,
    {
        match self.0 {
            Kind::Waiting(future) => {
                Self::wait(async move { timeout(time, future).await.unwrap_or(Err(TokenError::Unavailable)) })
            }
            ready @ Kind::Ready(_) => Self(ready),
        }
    }
}

impl<T> Future for Verification<T> {
    type Output = Result<Verified<T>, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Ready(result) => Poll::Ready(*result.take().expect("a future is not polled after it is ready")),
            Kind::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for Verification<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}
