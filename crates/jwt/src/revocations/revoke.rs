//! The handle with which tokens are revoked and the sessions they authenticated are closed.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use portcullis_core::{
    Decision,
    clock::now,
    identity::Subject,
    shared::{Broadcast, Issued, Revocation},
};

use super::{
    cluster::Sharing,
    index::{self, Key, Keys, Session, State},
    revocable::Revocable,
};
use crate::{error::TokenError, sync::lock, token_id::TokenId};

/// Revokes tokens and closes the connections they authenticated. Clones share the revocations: pass one to
/// [`JwtLayer::revocations`](crate::JwtLayer::revocations) and keep another.
///
/// A revocation is remembered for a day, or for the time passed to [`remember`](Self::remember), which must be as long
/// as a token can be valid. It is measured by a monotonic clock, so that no revocation is forgotten when the wall clock
/// jumps. A later revocation never undoes an earlier one.
///
/// Revocations are lost when the process ends, unless nodes share them: [`shared`](Self::shared).
#[derive(Clone)]
pub struct Revocations(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// What is revoked, and who lives on it, under one lock: of a revocation and a registration at once, the later one
    /// finds the earlier one. Sessions are closed once it is released.
    state: Mutex<State>,
    remember: Duration,
    pub(super) sharing: Option<Sharing>,
}

/// A session's entries, until it ends.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    number: u64,
    keys: Keys,
}

impl Revocations {
    /// Creates an empty set that remembers a revocation for a day.
    pub fn new() -> Self {
        Self::remember(Duration::from_secs(24 * 60 * 60))
    }

    /// Creates an empty set that remembers a revocation for `time`, the longest time that a token can be valid.
    pub fn remember(time: Duration) -> Self {
        Self::with(time, None)
    }

    pub(super) fn with(remember: Duration, sharing: Option<Sharing>) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::new()), remember, sharing }))
    }

    pub(super) fn remembers(&self) -> Duration {
        self.0.remember
    }

    /// Revokes a single token by its id (`jti`), and closes the sessions it authenticated. With `Verifiers`, use
    /// [`TokenId::of_issuer`].
    ///
    /// # Errors
    ///
    /// If nodes share revocations and the store is unreachable, awaiting the result returns
    /// [`BroadcastError`](portcullis_core::shared::BroadcastError). The token is revoked on this node all the same, and
    /// the store is notified when it is back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_jwt::Revocations;
    ///
    /// let revocations = Revocations::new(); // or `Revocations::new().shared(&cluster)`
    /// assert_eq!(revocations.revoke_id("7").here(), 0, "live sessions of this node");
    /// // The other nodes are notified, too, whether or not this is awaited.
    /// assert!(revocations.revoke_id("8").await.is_ok());
    /// # }
    /// ```
    pub fn revoke_id(&self, id: impl Into<TokenId>) -> Broadcast {
        let id = id.into();
        self.0.lock().issuers.warn(id.issuer());
        self.revoke(self.0.token(&id), Issued::ALL, Duration::ZERO, false)
    }

    /// Revokes all tokens of a subject that were issued until now, and closes all sessions of the subject.
    ///
    /// "Now" is read from this machine's clock, while a token carries the time of its issuer's clock. If the issuer's
    /// clock is ahead, a token that was issued in the last moments can still open connections. The verifier's leeway is
    /// not added, because it would revoke the token of a user who changes a password and signs in again. If the issuer
    /// reports the time of the revocation, for example in an event, pass it to
    /// [`revoke_subject_issued_before`](Self::revoke_subject_issued_before).
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use std::time::{Duration, SystemTime};
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Revocations, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// use portcullis_core::identity::Subject;
    ///
    /// let now = SystemTime::now();
    /// let issued = |name: &str, at| {
    ///     let mut verified = Verified::new(());
    ///     (verified.subject, verified.issued_at) = (Some(Subject::new(name)), at);
    ///     verified
    /// };
    /// let tokens = Tokens::new(&Clock::new())
    ///     .accept("alice's", issued("alice", Some(now - Duration::from_secs(60))))
    ///     .accept("alice's, of no time", issued("alice", None))
    ///     .accept("alice's, of a new login", issued("alice", Some(now + Duration::from_secs(60))))
    ///     .accept("bob's", issued("bob", Some(now - Duration::from_secs(60))));
    /// let revocations = Revocations::new();
    /// let service = JwtLayer::new(tokens).revocations(revocations.clone()).layer(inner);
    /// assert_eq!(revocations.revoke_subject(&Subject::new("alice")).here(), 0, "none of them is connected");
    /// for (token, status) in
    ///     [("alice's", 401), ("alice's, of no time", 401), ("alice's, of a new login", 200), ("bob's", 200)]
    /// {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket");
    ///     let handshake = handshake.header("authorization", format!("Bearer {token}")).body(()).unwrap();
    ///     assert_eq!(service.clone().oneshot(handshake).await.unwrap().status(), status, "{token}");
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`revoke_id`](Self::revoke_id).
    pub fn revoke_subject(&self, subject: &Subject) -> Broadcast {
        self.0.lock().issuers.warn(subject.issuer());
        // A token says whole seconds: what was issued in this one goes too.
        self.revoke(self.0.subject(subject), Issued::up_to(SystemTime::now()), Duration::ZERO, true)
    }

    /// Revokes all tokens of a subject that were issued before `time` by the issuer's clock, or that have no `iat`, and
    /// closes the sessions they authenticated. A session that was renewed with a later token continues.
    ///
    /// # Errors
    ///
    /// Like [`revoke_id`](Self::revoke_id).
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use portcullis_core::identity::Subject;
    /// use portcullis_jwt::Revocations;
    ///
    /// let revocations = Revocations::new(); // and `JwtLayer::revocations(revocations.clone())`
    /// // The issuer has sent: "user 7 has changed the password at 1800000000".
    /// let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// let revoked = revocations.revoke_subject_issued_before(&Subject::new("7"), time);
    /// assert_eq!(revoked.here(), 0, "live sessions of this node");
    /// ```
    pub fn revoke_subject_issued_before(&self, subject: &Subject, time: SystemTime) -> Broadcast {
        self.0.lock().issuers.warn(subject.issuer());
        self.revoke(self.0.subject(subject), Issued::before(time), until(time), false)
    }

    /// Revokes all tokens that were issued before `time`, or that have no `iat`, and closes the sessions they
    /// authenticated. Use it when a key was stolen, or when all users must sign in again.
    ///
    /// # Errors
    ///
    /// Like [`revoke_id`](Self::revoke_id).
    pub fn revoke_issued_before(&self, time: SystemTime) -> Broadcast {
        self.revoke(self.0.all_tokens(), Issued::before(time), until(time), false)
    }

    /// Revokes here, and notifies the other nodes. What was issued until a time that lies ahead lives longer than the
    /// tokens of today.
    fn revoke(&self, key: Key, issued: Issued, ahead: Duration, all_live: bool) -> Broadcast {
        let named = if let Key::Named(name) = key { Some(name) } else { None };
        let life = self.0.remember.saturating_add(ahead);
        // Here first and without waiting. If the store cannot be reached, this node at least admits nothing more of it.
        let here = self.0.revoke(key, issued, life, |session| all_live || issued.has(session.issued));
        let accepted = match (&self.0.sharing, named) {
            (Some(sharing), Some(name)) => {
                let revocation = Revocation::new(name, issued, life);
                sharing.publish(if all_live { revocation.all_live() } else { revocation })
            }
            _ => Decision::ready(true),
        };
        Broadcast::new(here, accepted)
    }

    /// Registers a session, unless its token is revoked. A revocation comes before both, and the token is refused, or
    /// after both, and finds the session.
    pub(crate) fn register(
        &self,
        of: &Arc<Revocable>,
        subject: Option<&Subject>,
        id: Option<&TokenId>,
        issued: Option<SystemTime>,
    ) -> Result<Registration, TokenError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (keys, since) = (self.0.keys(subject, id), now());
        let mut state = self.0.lock();
        // Judged and registered in one critical section: a revocation that came before is found here, and one that
        // comes after finds the session.
        self.0.judge(&state, &keys, issued)?;
        if subject.is_some() || id.is_some() {
            state.issuers.register(subject.and_then(Subject::issuer).or_else(|| id.and_then(TokenId::issuer)));
        }
        state.register(&keys, number, || Session { of: Arc::downgrade(of), issued, since });
        drop(state);
        Ok(Registration { shared: self.0.clone(), number, keys })
    }

    /// Whether a token is revoked, of a session that is not registered.
    pub(crate) fn has(&self, subject: Option<&Subject>, id: Option<&TokenId>, issued: Option<SystemTime>) -> bool {
        let keys = self.0.keys(subject, id);
        self.0.lock().is_revoked(&keys, issued)
    }

    /// Refuses a token of a session that is not registered, if it is revoked.
    pub(crate) fn check(
        &self,
        subject: Option<&Subject>,
        id: Option<&TokenId>,
        issued: Option<SystemTime>,
    ) -> Result<(), TokenError> {
        let keys = self.0.keys(subject, id);
        self.0.judge(&self.0.lock(), &keys, issued)
    }

    #[cfg(test)]
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// How far a time lies ahead.
fn until(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::now()).unwrap_or_default()
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns how many live sessions were closed.
    pub(super) fn revoke(&self, key: Key, issued: Issued, life: Duration, closes: impl Fn(&Session) -> bool) -> usize {
        let now = now();
        // For good, if that is farther off than a clock can say.
        let until = now.checked_add(life);
        // The guard is gone at the end of this statement, before the sessions are closed: a close locks their
        // connections, and what those hold may revoke in turn.
        let sessions = self.lock().revoke(key, issued, until, now, closes);
        index::close(&sessions)
    }

    fn judge(&self, state: &State, keys: &Keys, issued: Option<SystemTime>) -> Result<(), TokenError> {
        if state.is_revoked(keys, issued) {
            return Err(TokenError::Revoked);
        }
        self.sharing.as_ref().map_or(Ok(()), Sharing::check)
    }

    fn keys(&self, subject: Option<&Subject>, id: Option<&TokenId>) -> Keys {
        [Some(self.all_tokens()), subject.map(|subject| self.subject(subject)), id.map(|id| self.token(id))]
    }

    fn token(&self, id: &TokenId) -> Key {
        let own = || Key::Token(id.clone());
        self.sharing.as_ref().map_or_else(own, |sharing| Key::Named(sharing.token(id)))
    }

    fn subject(&self, subject: &Subject) -> Key {
        let own = || Key::Subject(subject.clone());
        self.sharing.as_ref().map_or_else(own, |sharing| Key::Named(sharing.subject(subject)))
    }

    fn all_tokens(&self) -> Key {
        self.sharing.as_ref().map_or(Key::All, |sharing| Key::Named(sharing.all_tokens()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.lock().leave(&self.keys, self.number);
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("remember", &self.0.remember).finish_non_exhaustive()
    }
}
