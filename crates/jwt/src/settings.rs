//! The settings of a [`JwtLayer`](crate::JwtLayer), and what can be decided about a token from these alone.
//!
//! Settings are kept as they were given. What follows from several, such as the order in which sources decide, is
//! resolved after each call, so the order of the calls has no effect; and settings that contradict each other are found
//! when the layer is applied, with the line in which the caller made them.
//!
//! Which combinations are a mistake, unless `handshakes_only` is set:
//!
//! | Setting | Why |
//! | --- | --- |
//! | `single_use` | a token that is good for one request is used up by the first plain request, and the handshake fails |
//! | `first_message` without another source | a plain request has no first message, so none could ever authenticate |
//! | `query_on_plain_requests` without `query` | it names no parameter |

use std::{
    panic::Location,
    sync::Arc,
    time::{Duration, Instant},
};

use http::request::Parts;
use portcullis_core::clock::now;

use crate::{
    error::TokenError,
    once::Once,
    revocations::Revocations,
    source::{self, Source, Taken},
    tickets::Tickets,
    token_message::TokenMessage,
    verify::{Verification, Verified, Verify, within},
};

/// The layer's settings, shared by the services and sessions that it makes.
pub(crate) struct Settings<T> {
    pub(crate) verifier: Arc<dyn Verify<T>>,
    /// In the order in which they decide.
    pub(crate) sources: Vec<Source>,
    pub(crate) first: Option<TokenMessage>,
    pub(crate) remove_credentials: bool,
    pub(crate) plain: Plain,
    pub(crate) optional: bool,
    pub(crate) report_only: bool,
    pub(crate) grace: Duration,
    pub(crate) verify_timeout: Duration,
    /// `None` if there is no handle to any, so that nothing will ever be revoked.
    pub(crate) revocations: Option<Revocations>,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) allows: Vec<Arc<Allow<T>>>,
    /// What its sessions count their times from.
    pub(crate) epoch: Instant,
    cookies: Arc<Once>,
    /// Where settings were named that not all others agree with.
    pub(crate) named_at: NamedAt,
}

/// What holds for requests that are not handshakes.
#[derive(Clone)]
pub(crate) struct Plain {
    pub(crate) handshakes_only: bool,
    pub(crate) query: bool,
    /// In the order in which they decide, as it follows from the other settings.
    pub(crate) sources: Vec<Source>,
}

/// The caller's lines.
#[derive(Clone, Copy, Default)]
pub(crate) struct NamedAt {
    pub(crate) first: Option<&'static Location<'static>>,
    pub(crate) tickets: Option<&'static Location<'static>>,
    pub(crate) query: Option<&'static Location<'static>>,
}

type Allow<T> = dyn Fn(&T) -> bool + Send + Sync;

impl<T> Settings<T> {
    pub(crate) fn new(verifier: impl Verify<T>) -> Self {
        Self {
            verifier: Arc::new(verifier),
            sources: Vec::new(),
            first: None,
            remove_credentials: false,
            plain: Plain { handshakes_only: false, query: false, sources: vec![Source::Bearer] },
            optional: false,
            report_only: false,
            grace: Duration::ZERO,
            verify_timeout: Duration::from_secs(10),
            revocations: None,
            tickets: None,
            allows: Vec::new(),
            epoch: now(),
            cookies: Arc::default(),
            named_at: NamedAt::default(),
        }
    }

    /// Must be called after each change. Resolves what follows from several settings, whatever their order.
    pub(crate) fn resolve(&mut self) {
        self.sources.sort_by_key(Source::rank);
        let on_plain = |source: &&Source| match source {
            Source::Cookie(_) => true,
            Source::Query(_) => self.plain.query,
            Source::Bearer | Source::Subprotocol(_) | Source::SubprotocolPrefix(_) => false,
        };
        let others = self.sources.iter().filter(on_plain).cloned();
        self.plain.sources = [Source::Bearer].into_iter().chain(others).collect();
    }

    /// Whether the settings agree with each other.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mistake = |setting: &str, at: Option<&Location<'_>>, why: &str| {
            let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
            Err(format!("`{setting}`{at} {why}"))
        };
        let NamedAt { first, tickets, query } = self.named_at;
        let by_query = self.sources.iter().any(|source| matches!(source, Source::Query(_)));
        let Plain { handshakes_only, query: on_plain, .. } = self.plain;
        if on_plain && handshakes_only {
            return mistake("query_on_plain_requests", query, "contradicts `handshakes_only`");
        }
        if on_plain && !by_query {
            return mistake("query_on_plain_requests", query, "names no parameter: that is what `query` does");
        }
        if handshakes_only {
            return Ok(());
        }
        if self.tickets.is_some() {
            let why = "makes a token good for one request, and a `JwtLayer` authenticates requests that are not \
                       handshakes, too: say `handshakes_only()` where it is not to";
            return mistake("single_use", tickets, why);
        }
        if self.first.is_some() && self.sources.is_empty() {
            let why = "alone is nothing that a request has that is not a handshake, and a `JwtLayer` authenticates such \
                       requests, too: say `bearer()` as well, or `handshakes_only()` where it is not to";
            return mistake("first_message", first, why);
        }
        Ok(())
    }
}

impl<T: 'static> Settings<T> {
    pub(crate) fn sources(&self) -> &[Source] {
        let named = !self.sources.is_empty() || self.first.is_some();
        if named { &self.sources } else { &[Source::Bearer] }
    }

    /// Whether a handler may answer those whose token was not seen, or never will be.
    pub(crate) fn lets_unknown_in(&self) -> bool {
        self.plain.handshakes_only || self.optional || self.report_only
    }

    /// Takes the token out of a handshake, and its credentials where that was said.
    pub(crate) fn take(&self, parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
        self.take_from(self.sources(), parts)
    }

    /// Takes the token out of a request that is not a handshake, and its credentials where that was said.
    pub(crate) fn take_plain(&self, parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
        self.take_from(&self.plain.sources, parts)
    }

    fn take_from(&self, sources: &[Source], parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
        let taken = source::take(sources, parts);
        if self.remove_credentials {
            source::remove_credentials(sources, parts);
        }
        taken
    }

    /// Asks the verifier, unless the token is longer than it wants to see. Returns the verification if it has to wait,
    /// which gives up if it takes too long.
    pub(crate) fn verify(&self, token: &str) -> Result<Result<Verified<T>, TokenError>, Verification<T>>
    where
        T: Send,
    {
        self.ask(token, Duration::MAX)
    }

    /// As [`verify`](Self::verify), with no more time than this, and waits.
    pub(crate) async fn verify_within(&self, token: &str, time: Duration) -> Result<Verified<T>, TokenError>
    where
        T: Send,
    {
        match self.ask(token, time) {
            Ok(result) => result,
            Err(verification) => verification.await,
        }
    }

    fn ask(&self, token: &str, time: Duration) -> Result<Result<Verified<T>, TokenError>, Verification<T>>
    where
        T: Send,
    {
        if token.len() > self.verifier.max_bytes() {
            return Ok(Err(TokenError::Invalid("too long")));
        }
        within(self.verifier.verify(token), self.verify_timeout.min(time))
    }

    pub(crate) fn authorize(&self, verified: &Verified<T>) -> Result<(), TokenError> {
        let allowed = self.allows.iter().all(|allow| allow(&verified.claims));
        if allowed { Ok(()) } else { Err(TokenError::Forbidden("the claims do not allow this")) }
    }

    /// Says once that any page may act for a user.
    pub(crate) fn warn_of_cookies(&self) {
        self.cookies.warn(
            "a cookie authenticated a WebSocket handshake whose origin was not checked: put an `OriginLayer` outside \
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
            plain: self.plain.clone(),
            optional: self.optional,
            report_only: self.report_only,
            grace: self.grace,
            verify_timeout: self.verify_timeout,
            revocations: self.revocations.clone(),
            tickets: self.tickets.clone(),
            allows: self.allows.clone(),
            epoch: self.epoch,
            cookies: self.cookies.clone(),
            named_at: self.named_at,
        }
    }
}
