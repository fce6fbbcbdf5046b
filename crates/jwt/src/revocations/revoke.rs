//! Takes tokens back, and knows the live sessions that lived on them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{clock::now, identity::Subject};

use super::{
    index::{Issued, State, alive, leave, revoke},
    revocable::Revocable,
};
use crate::{error::TokenError, sync::lock, token_id::TokenId};

/// Takes tokens back, and closes the connections that live on them. Clones share it; give one to
/// [`JwtLayer::revocations`](crate::JwtLayer::revocations) and keep one.
///
/// A revocation is remembered for a day, or as long as [`remember`](Self::remember) says: as long as a token may live.
/// That is measured by a clock that nobody sets, so that a wall clock which jumps forgets none. A revocation is of this
/// process, and gone when that ends. None takes back what an earlier one has revoked.
#[derive(Clone)]
pub struct Revocations(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// What is revoked, and who lives on it, under one lock: of a revocation and a registration at once, the later one
    /// finds the earlier one. Sessions are closed once it is released.
    state: Mutex<State>,
    remember: Duration,
}

/// A session's entries, until it ends.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    number: u64,
    id: Option<TokenId>,
    subject: Option<Subject>,
}

impl Revocations {
    /// Nothing is revoked.
    pub fn new() -> Self {
        Self::remember(Duration::from_secs(24 * 60 * 60))
    }

    /// As [`new`](Self::new), with the longest time that a token lives.
    pub fn remember(time: Duration) -> Self {
        let state = State::new();
        Self(Arc::new(Shared { state: Mutex::new(state), remember: time }))
    }

    /// Revokes one token by its name (`jti`). Returns how many live sessions that closes. Behind
    /// `Verifiers` a token is named by its issuer, too: [`TokenId::of_issuer`].
    pub fn revoke_id(&self, id: impl Into<TokenId>) -> usize {
        let (id, until) = (id.into(), self.until(Duration::ZERO));
        let mut state = self.0.lock();
        state.ids.forget(now());
        let sessions = state.by_id.get(&id).map(|sessions| alive(sessions, |_| true)).unwrap_or_default();
        state.issuers.warn(id.issuer());
        state.ids.insert(id, (), until);
        drop(state);
        revoke(&sessions)
    }

    /// Revokes every token of a subject that was issued up to now. Returns how many live sessions that closes: all that
    /// the subject has.
    ///
    /// Now is the time by this machine's clock. A token says when it was issued by its issuer's, and where that is
    /// ahead, a token of the last moments may open new connections even so. A verifier's leeway is not added: it would
    /// revoke the token of a user who changes a password and signs in again. Where the issuer says when it has revoked,
    /// as in an event, give that time to [`revoke_subject_issued_before`](Self::revoke_subject_issued_before).
    pub fn revoke_subject(&self, subject: &Subject) -> usize {
        let now = SystemTime::now();
        // A token says whole seconds: what was issued in this one goes too.
        self.revoke_issued(subject, Issued::up_to(now), self.until(Duration::ZERO), |_| true)
    }

    /// Revokes every token of a subject that was issued before a time by its issuer's clock, or does not say when it
    /// was. Returns how many live sessions that closes; a session that was renewed with a later token goes on.
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
    /// assert_eq!(revocations.revoke_subject_issued_before(&Subject::new("7"), time), 0, "live sessions");
    /// ```
    pub fn revoke_subject_issued_before(&self, subject: &Subject, time: SystemTime) -> usize {
        // Tokens that are issued until then live longer than those of today.
        let until = self.until(time.duration_since(SystemTime::now()).unwrap_or_default());
        let issued = Issued::before(time);
        self.revoke_issued(subject, issued, until, |of_session| issued.has(of_session))
    }

    fn revoke_issued(
        &self,
        subject: &Subject,
        issued: Issued,
        until: Option<Instant>,
        closes: impl Fn(Option<SystemTime>) -> bool,
    ) -> usize {
        let mut state = self.0.lock();
        state.issuers.warn(subject.issuer());
        state.subjects.forget(now());
        let all = state.subjects.get(subject).map_or(issued, |earlier| issued.max(*earlier));
        state.subjects.insert(subject.clone(), all, until);
        let sessions = state.by_subject.get(subject).map(|sessions| alive(sessions, closes)).unwrap_or_default();
        drop(state);
        revoke(&sessions)
    }

    /// Revokes every token that was issued before a time, or does not say when it was: a key was stolen, or all must
    /// sign in again. Returns how many live sessions that closes.
    pub fn revoke_issued_before(&self, time: SystemTime) -> usize {
        let issued = Issued::before(time);
        let mut state = self.0.lock();
        state.everybody = state.everybody.max(Some(issued));
        let sessions = alive(&state.all, |of_session| issued.has(of_session));
        drop(state);
        revoke(&sessions)
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
        let mut state = self.0.lock();
        if state.is_revoked(subject, id, issued) {
            return Err(TokenError::Revoked);
        }
        let live = || (Arc::downgrade(of), issued);
        state.all.insert(number, live());
        if subject.is_some() || id.is_some() {
            state.issuers.register(subject.and_then(Subject::issuer).or_else(|| id.and_then(TokenId::issuer)));
        }
        if let Some(id) = id {
            state.by_id.entry(id.clone()).or_default().insert(number, live());
        }
        if let Some(subject) = subject {
            state.by_subject.entry(subject.clone()).or_default().insert(number, live());
        }
        Ok(Registration { shared: self.0.clone(), number, id: id.cloned(), subject: subject.cloned() })
    }

    /// Whether a token is revoked, of a session that is not registered.
    pub(crate) fn has(&self, subject: Option<&Subject>, id: Option<&TokenId>, issued: Option<SystemTime>) -> bool {
        self.0.lock().is_revoked(subject, id, issued)
    }

    #[cfg(test)]
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// For good, if that is farther off than a clock can say.
    fn until(&self, ahead: Duration) -> Option<Instant> {
        now().checked_add(self.0.remember)?.checked_add(ahead)
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.all.remove(&self.number);
        if let Some(id) = &self.id {
            leave(&mut state.by_id, id, self.number);
        }
        if let Some(subject) = &self.subject {
            leave(&mut state.by_subject, subject, self.number);
        }
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
