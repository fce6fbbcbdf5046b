//! Revoked tokens, and the live connections that they authenticated.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, Ordering},
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
///
/// One lock for both halves: of a revocation and an attachment at once, the later one finds what the earlier one left,
/// and closes the connection.
#[derive(Default)]
pub(crate) struct Revocable(Mutex<Known>);

#[derive(Default)]
struct Known {
    revoked: bool,
    connection: Option<Connection>,
}

impl Revocable {
    pub(crate) fn is_revoked(&self) -> bool {
        lock(&self.0).revoked
    }

    pub(crate) fn connection(&self) -> Option<Connection> {
        lock(&self.0).connection.clone()
    }

    /// The first connection counts. Returns whether a revocation that came earlier closes it.
    pub(crate) fn attach(&self, connection: &Connection) -> bool {
        let revoked = {
            let mut known = lock(&self.0);
            known.connection.get_or_insert_with(|| connection.clone());
            known.revoked
        };
        // Nothing is locked: a close may call anything.
        if revoked {
            connection.close(TokenError::Revoked.close_frame());
        }
        revoked
    }

    /// Returns whether there is a connection, which this closes.
    fn revoke(&self) -> bool {
        let connection = {
            let mut known = lock(&self.0);
            known.revoked = true;
            known.connection.clone()
        };
        let Some(connection) = connection else { return false };
        connection.close(TokenError::Revoked.close_frame());
        true
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

    /// Registers a session, unless its token is revoked. A revocation comes before both, and the token is refused, or
    /// after both, and finds the session.
    pub(crate) fn register(
        &self,
        of: &Arc<Revocable>,
        subject: Option<&Subject>,
        id: Option<&str>,
        issued: Option<SystemTime>,
    ) -> Result<Registration, TokenError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut state = self.0.lock();
        if state.is_revoked(subject, id, issued) {
            return Err(TokenError::Revoked);
        }
        state.all.insert(number, (Arc::downgrade(of), issued));
        if let Some(id) = id {
            state.by_id.entry(id.into()).or_default().insert(number, Arc::downgrade(of));
        }
        if let Some(subject) = subject {
            state.by_subject.entry(subject.clone()).or_default().insert(number, Arc::downgrade(of));
        }
        Ok(Registration { shared: self.0.clone(), number, id: id.map(Box::from), subject: subject.cloned() })
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

impl State {
    fn is_revoked(&self, subject: Option<&Subject>, id: Option<&str>, issued: Option<SystemTime>) -> bool {
        let by_id = id.is_some_and(|id| self.ids.contains_key(id));
        let subject = subject.and_then(|subject| self.subjects.get(subject)).map(|(before, _)| *before);
        // Who does not say when it was issued may have been issued before.
        let before = |time: SystemTime| issued.is_none_or(|issued| issued <= time);
        by_id || subject.is_some_and(before) || self.everybody.is_some_and(|time| is_before(issued, time))
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
    use std::{
        sync::atomic::AtomicUsize,
        thread::{scope, yield_now},
    };

    use super::*;

    impl Revocations {
        fn is_revoked(&self, subject: Option<&Subject>, id: Option<&str>, issued: Option<SystemTime>) -> bool {
            self.0.lock().is_revoked(subject, id, issued)
        }
    }

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
        let first = revocations.register(&session, Some(&alice), Some("7"), None).unwrap();
        let second = revocations.register(&session, Some(&alice), None, None).unwrap();
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

    /// Two threads that do each step at the same moment, as nearly as there are processors for them.
    fn at_once(steps: usize, one: impl Fn(usize) + Sync, other: impl Fn(usize) + Sync) {
        let arrived = AtomicUsize::new(0);
        let run = |act: &(dyn Fn(usize) + Sync)| {
            for step in 0..steps {
                arrived.fetch_add(1, Ordering::Relaxed);
                for waited in 0_u32.. {
                    if arrived.load(Ordering::Relaxed) >= 2 * (step + 1) {
                        break;
                    }
                    // On a busy machine the other one may have no processor.
                    if waited > 1000 { yield_now() } else { std::hint::spin_loop() }
                }
                act(step);
            }
        };
        scope(|scope| {
            scope.spawn(|| run(&one));
            run(&other);
        });
    }

    #[tokio::test]
    async fn of_a_revocation_and_an_attachment_at_once_one_closes_the_connection() {
        let (connection, _client) = Connection::detached().open();
        let sessions: Vec<Revocable> = (0..20_000).map(|_| Revocable::default()).collect();
        let closed: Vec<AtomicUsize> = sessions.iter().map(|_| AtomicUsize::new(0)).collect();
        let count = |step: usize, closes: bool| {
            closed[step].fetch_add(usize::from(closes), Ordering::Relaxed);
        };
        at_once(
            sessions.len(),
            |step| count(step, sessions[step].attach(&connection)),
            |step| count(step, sessions[step].revoke()),
        );
        let lost = closed.iter().filter(|closed| closed.load(Ordering::Relaxed) == 0).count();
        assert_eq!(lost, 0, "of {} connections lived on", sessions.len());
    }

    #[test]
    fn of_a_revocation_and_a_registration_at_once_none_is_lost() {
        let revocations = Revocations::new();
        let sessions: Vec<Arc<Revocable>> = (0..2_000).map(|_| Arc::default()).collect();
        let registered: Vec<Mutex<Option<Registration>>> = sessions.iter().map(|_| Mutex::default()).collect();
        let id = |step: usize| step.to_string();
        at_once(
            sessions.len(),
            |step| *lock(&registered[step]) = revocations.register(&sessions[step], None, Some(&id(step)), None).ok(),
            |step| assert!(revocations.revoke_id(id(step)) <= 1),
        );
        let live = registered.iter().zip(&sessions).filter(|(registered, _)| lock(registered).is_some());
        assert_eq!(live.filter(|(_, session)| !session.is_revoked()).count(), 0, "sessions live on");
    }
}
