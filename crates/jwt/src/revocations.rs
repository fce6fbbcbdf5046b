//! Revoked tokens, and the live connections that they authenticated.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use portcullis_core::{Connection, identity::Subject};

use crate::error::TokenError;
use crate::sync::lock;

/// Takes tokens back, and closes the connections that live on them. Clones share it; give one to
/// [`JwtLayer::revocations`](crate::JwtLayer::revocations) and keep one.
///
/// A revocation is remembered for a day, or as long as [`remember`](Self::remember) says: as long as a token may live.
/// It is of this process, and gone when that ends.
#[derive(Clone)]
pub struct Revocations(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    remember: Duration,
}

#[derive(Default)]
struct State {
    ids: HashMap<Box<str>, SystemTime>,
    /// Tokens of a subject that were issued before the first time; forgotten at the second.
    subjects: HashMap<Subject, (SystemTime, SystemTime)>,
    everybody: Option<SystemTime>,
    swept: Option<SystemTime>,
    by_id: HashMap<Box<str>, Sessions>,
    by_subject: HashMap<Subject, Sessions>,
    /// Every session, and when its token was issued.
    all: HashMap<u64, (Weak<Revocable>, Option<SystemTime>)>,
}

type Sessions = HashMap<u64, Weak<Revocable>>;

/// A session that may be revoked.
#[derive(Default)]
pub(crate) struct Revocable {
    revoked: AtomicBool,
    connection: OnceLock<Connection>,
}

impl Revocable {
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// A revocation that came earlier closes it now.
    pub(crate) fn attach(&self, connection: &Connection) {
        let _attached_once = self.connection.set(connection.clone());
        if self.is_revoked() {
            connection.close(TokenError::Revoked.close_frame());
        }
    }

    fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        if let Some(connection) = self.connection.get() {
            connection.close(TokenError::Revoked.close_frame());
        }
    }
}

/// A session's entries, until it ends.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    number: u64,
    id: Option<Box<str>>,
    subject: Option<Subject>,
}

impl Revocations {
    /// Nothing is revoked.
    pub fn new() -> Self {
        Self::remember(Duration::from_secs(24 * 60 * 60))
    }

    /// As [`new`](Self::new), with the longest time that a token lives.
    pub fn remember(time: Duration) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), remember: time }))
    }

    /// Revokes one token by its name (`jti`). Returns how many live sessions that closes.
    pub fn revoke_id(&self, id: impl Into<Box<str>>) -> usize {
        let (id, until) = (id.into(), self.until());
        let mut state = self.sweep();
        state.ids.insert(id.clone(), until);
        let sessions = state.by_id.get(&id).map(alive).unwrap_or_default();
        drop(state);
        revoke(&sessions)
    }

    /// Revokes every token of a subject that was issued up to now. Returns how many live sessions that closes.
    pub fn revoke_subject(&self, subject: &Subject) -> usize {
        let (now, until) = (SystemTime::now(), self.until());
        let mut state = self.sweep();
        // A token says whole seconds: what was issued in this one goes too.
        state.subjects.insert(subject.clone(), (now, until));
        let sessions = state.by_subject.get(subject).map(alive).unwrap_or_default();
        drop(state);
        revoke(&sessions)
    }

    /// Revokes every token that was issued before a time, or does not say when it was: a key was stolen, or all must
    /// sign in again. Returns how many live sessions that closes.
    pub fn revoke_issued_before(&self, time: SystemTime) -> usize {
        let mut state = self.0.lock();
        state.everybody = state.everybody.max(Some(time));
        let older = state.all.values().filter(|(_, issued)| is_before(*issued, time));
        let sessions: Vec<_> = older.filter_map(|(session, _)| session.upgrade()).collect();
        drop(state);
        revoke(&sessions)
    }

    pub(crate) fn is_revoked(&self, subject: Option<&Subject>, id: Option<&str>, issued: Option<SystemTime>) -> bool {
        let state = self.0.lock();
        let by_id = id.is_some_and(|id| state.ids.contains_key(id));
        let subject = subject.and_then(|subject| state.subjects.get(subject)).map(|(before, _)| *before);
        // Who does not say when it was issued may have been issued before.
        let before = |time: SystemTime| issued.is_none_or(|issued| issued <= time);
        by_id || subject.is_some_and(before) || state.everybody.is_some_and(|time| is_before(issued, time))
    }

    pub(crate) fn register(
        &self,
        of: &Arc<Revocable>,
        subject: Option<&Subject>,
        id: Option<&str>,
        issued: Option<SystemTime>,
    ) -> Registration {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut state = self.0.lock();
        state.all.insert(number, (Arc::downgrade(of), issued));
        if let Some(id) = id {
            state.by_id.entry(id.into()).or_default().insert(number, Arc::downgrade(of));
        }
        if let Some(subject) = subject {
            state.by_subject.entry(subject.clone()).or_default().insert(number, Arc::downgrade(of));
        }
        Registration { shared: self.0.clone(), number, id: id.map(Box::from), subject: subject.cloned() }
    }

    fn until(&self) -> SystemTime {
        let now = SystemTime::now();
        now.checked_add(self.0.remember).unwrap_or(now)
    }

    /// Forgets what no token can be older than, once a minute.
    fn sweep(&self) -> MutexGuard<'_, State> {
        let (mut state, now) = (self.0.lock(), SystemTime::now());
        let due = state.swept.is_none_or(|swept| now.duration_since(swept).is_ok_and(|age| age.as_secs() >= 60));
        if due {
            state.swept = Some(now);
            state.ids.retain(|_, until| *until > now);
            state.subjects.retain(|_, (_, until)| *until > now);
        }
        state
    }
}

/// Who does not say when it was issued may have been issued before.
fn is_before(issued: Option<SystemTime>, time: SystemTime) -> bool {
    issued.is_none_or(|issued| issued < time)
}

fn alive(sessions: &Sessions) -> Vec<Arc<Revocable>> {
    sessions.values().filter_map(Weak::upgrade).collect()
}

fn revoke(sessions: &[Arc<Revocable>]) -> usize {
    for session in sessions {
        session.revoke();
    }
    sessions.len()
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
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

fn leave<K: Eq + std::hash::Hash>(sessions: &mut HashMap<K, Sessions>, key: &K, number: u64) {
    if let Some(of_key) = sessions.get_mut(key) {
        of_key.remove(&number);
        if of_key.is_empty() {
            sessions.remove(key);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_is_revoked_by_name_by_subject_and_by_time() {
        let revocations = Revocations::new();
        let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
        let now = SystemTime::now();
        let (before, after) = (Some(now - Duration::from_secs(5)), Some(now + Duration::from_secs(5)));
        revocations.revoke_id("7");
        revocations.revoke_subject(&alice);
        assert!(revocations.is_revoked(None, Some("7"), None));
        assert!(!revocations.is_revoked(None, Some("8"), None));
        assert!(revocations.is_revoked(Some(&alice), None, before));
        assert!(revocations.is_revoked(Some(&alice), None, None), "it may be older");
        assert!(!revocations.is_revoked(Some(&alice), None, after));
        assert!(!revocations.is_revoked(Some(&bob), None, before));
        revocations.revoke_issued_before(now);
        assert!(revocations.is_revoked(Some(&bob), None, before));
        assert!(!revocations.is_revoked(Some(&bob), None, after));
        assert!(!revocations.is_revoked(Some(&bob), None, Some(now)));
    }

    #[test]
    fn a_session_that_ends_leaves_nothing_behind() {
        let revocations = Revocations::new();
        let (alice, session) = (Subject::new("alice"), Arc::default());
        let first = revocations.register(&session, Some(&alice), Some("7"), None);
        let second = revocations.register(&session, Some(&alice), None, None);
        drop(first);
        assert_eq!(revocations.0.lock().by_id.len(), 0);
        assert_eq!(revocations.revoke_subject(&alice), 1);
        assert!(session.is_revoked());
        drop(second);
        assert_eq!(revocations.0.lock().by_subject.len(), 0);
        assert_eq!(revocations.0.lock().all.len(), 0);
        assert_eq!(revocations.revoke_subject(&alice), 0);
    }

    #[test]
    fn revocations_are_forgotten_when_no_token_can_be_as_old() {
        let revocations = Revocations::remember(Duration::ZERO);
        revocations.revoke_id("7");
        revocations.0.lock().swept = None;
        revocations.revoke_id("8");
        assert!(!revocations.is_revoked(None, Some("7"), None));
    }
}
