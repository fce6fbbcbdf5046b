//! What a [`JwtLayer`](crate::JwtLayer) was told, and the questions about a token that need no more than that.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::request::Parts;

use crate::{
    error::TokenError,
    first::First,
    once::Once,
    revocations::Revocations,
    source::{self, Source, Taken},
    tickets::Tickets,
    verify::{Verification, Verified, Verify},
};

/// The layer's settings, shared by the services and sessions that it makes.
pub(crate) struct Settings<T> {
    pub(crate) verifier: Arc<dyn Verify<T>>,
    pub(crate) sources: Vec<Source>,
    pub(crate) first: Option<First>,
    pub(crate) remove_credentials: bool,
    pub(crate) optional: bool,
    pub(crate) report_only: bool,
    pub(crate) grace: Duration,
    pub(crate) verify_timeout: Duration,
    pub(crate) revocations: Revocations,
    pub(crate) tickets: Option<Arc<Tickets>>,
    pub(crate) allows: Vec<Arc<Allow<T>>>,
    cookies: Arc<Once>,
}

type Allow<T> = dyn Fn(&T) -> bool + Send + Sync;

impl<T> Settings<T> {
    pub(crate) fn new(verifier: impl Verify<T>) -> Self {
        Self {
            verifier: Arc::new(verifier),
            sources: Vec::new(),
            first: None,
            remove_credentials: false,
            optional: false,
            report_only: false,
            grace: Duration::ZERO,
            verify_timeout: Duration::from_secs(10),
            revocations: Revocations::new(),
            tickets: None,
            allows: Vec::new(),
            cookies: Arc::default(),
        }
    }
}

impl<T: 'static> Settings<T> {
    pub(crate) fn sources(&self) -> &[Source] {
        let named = !self.sources.is_empty() || self.first.is_some();
        if named { &self.sources } else { &[Source::Bearer] }
    }

    /// Takes the token out of a request, and its credentials where that was said.
    pub(crate) fn take(&self, parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
        let taken = source::take(self.sources(), parts);
        if self.remove_credentials {
            source::remove_credentials(self.sources(), parts);
        }
        taken
    }

    /// Asks the verifier, unless the token is longer than it wants to see, and gives up if it takes too long.
    pub(crate) fn verify(&self, token: &str) -> Verification<T>
    where
        T: Send,
    {
        self.verify_within(token, Duration::MAX)
    }

    /// As [`verify`](Self::verify), with no more time than this.
    pub(crate) fn verify_within(&self, token: &str, time: Duration) -> Verification<T>
    where
        T: Send,
    {
        if token.len() > self.verifier.max_len() {
            return Verification::ready(Err(TokenError::Invalid("too long")));
        }
        self.verifier.verify(token).within(self.verify_timeout.min(time))
    }

    pub(crate) fn authorize(&self, verified: &Verified<T>) -> Result<(), TokenError> {
        let allowed = self.allows.iter().all(|allow| allow(&verified.claims));
        if allowed { Ok(()) } else { Err(TokenError::Forbidden("the claims do not allow this")) }
    }

    /// Uses a ticket up, where tokens are tickets.
    pub(crate) fn spend(&self, verified: &Verified<T>, now: SystemTime) -> Result<(), TokenError> {
        let Some(tickets) = &self.tickets else { return Ok(()) };
        let id = verified.id.as_ref().ok_or(TokenError::Invalid("a ticket without a name"))?;
        let until = verified.expires_at.ok_or(TokenError::Invalid("a ticket that does not expire"))?;
        tickets.spend(id, until, now)
    }

    /// Says once that any page may act for a user.
    pub(crate) fn warn_of_cookies(&self) {
        self.cookies.warn(
            "a cookie authenticated a WebSocket handshake whose origin nobody has checked: put an `OriginLayer` outside \
             of the `JwtLayer`",
        );
    }
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Self {
            verifier: self.verifier.clone(),
            sources: self.sources.clone(),
            first: self.first.clone(),
            remove_credentials: self.remove_credentials,
            optional: self.optional,
            report_only: self.report_only,
            grace: self.grace,
            verify_timeout: self.verify_timeout,
            revocations: self.revocations.clone(),
            tickets: self.tickets.clone(),
            allows: self.allows.clone(),
            cookies: self.cookies.clone(),
        }
    }
}
