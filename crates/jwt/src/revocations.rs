//! Revoked tokens, and the live connections that they authenticated.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{Connection, clock::now, identity::Subject};

use crate::{error::TokenError, expiring::Expiring, sync::lock, token_id::TokenId};

/// Takes tokens back, and closes the connections that live on them. Clones share it; give one to
/// [`JwtLayer::revocations`](crate::JwtLayer::revocations) and keep one.
///
/// A revocation is remembered for a day, or as long as [`remember`](Self::remember) says: as long as a token may live.
/// That is measured by a clock that nobody sets, so that a wall clock which jumps forgets none. A revocation is of this
/// process, and gone when that ends. None takes back what an earlier one has revoked.
#[derive(Clone)]
pub struct Revocations(Arc<Shared>);

struct Shared {
    /// What is revoked, and who lives on it, under one lock: of a revocation and a registration at once, the later one
    /// finds the earlier one. Sessions are closed once it is released.
    state: Mutex<State>,
    remember: Duration,
}

struct State {
    ids: Expiring<TokenId, (), Instant>,
    /// Which tokens of a subject.
    subjects: Expiring<Subject, Issued, Instant>,
    everybody: Option<Issued>,
    by_id: HashMap<TokenId, Sessions>,
    by_subject: HashMap<Subject, Sessions>,
    all: Sessions,
    issuers: Issuers,
}

/// Live sessions, and when their tokens were issued.
type Sessions = HashMap<u64, (Weak<Revocable>, Option<SystemTime>)>;

/// Which tokens, by when they were issued: of two of these, the greater one has all of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Issued {
    before: SystemTime,
    /// Those that were issued at that time, too.
    or_then: bool,
}

impl Issued {
    fn before(time: SystemTime) -> Self {
        Self { before: time, or_then: false }
    }

    fn up_to(time: SystemTime) -> Self {
        Self { before: time, or_then: true }
    }

    /// A token that does not say when it was issued may have been issued before.
    fn has(self, issued: Option<SystemTime>) -> bool {
        issued.is_none_or(|issued| issued < self.before || (self.or_then && issued == self.before))
    }
}

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

/// Whether sessions had issuers. A revocation of the other kind matches none of them, and is likely a mistake.
#[derive(Default)]
struct Issuers {
    with: bool,
    without: bool,
    warned: bool,
}

impl Issuers {
    fn register(&mut self, issuer: Option<&str>) {
        if issuer.is_some() { self.with = true } else { self.without = true }
    }

    /// Says once that a revocation matches no session of this layer.
    fn warn(&mut self, issuer: Option<&str>) {
        let (same, other) = if issuer.is_some() { (self.with, self.without) } else { (self.without, self.with) };
        if same || !other || std::mem::replace(&mut self.warned, true) {
            return;
        }
        #[cfg(feature = "tracing")]
        tracing::warn!(
            target: "portcullis",
            "a revocation matches no session: behind `Verifiers`, subjects and tokens are named by their issuer, too \
             (`Subject::of_issuer`, `TokenId::of_issuer`), and behind a single `Verifier` they are not"
        );
    }
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
        let state = State {
            ids: Expiring::new(),
            subjects: Expiring::new(),
            everybody: None,
            by_id: HashMap::new(),
            by_subject: HashMap::new(),
            all: HashMap::new(),
            issuers: Issuers::default(),
        };
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

impl State {
    fn is_revoked(&self, subject: Option<&Subject>, id: Option<&TokenId>, issued: Option<SystemTime>) -> bool {
        let by_id = id.is_some_and(|id| self.ids.get(id).is_some());
        let of_subject = subject.and_then(|subject| self.subjects.get(subject)).copied();
        by_id || of_subject.max(self.everybody).is_some_and(|revoked| revoked.has(issued))
    }
}

fn alive(sessions: &Sessions, closes: impl Fn(Option<SystemTime>) -> bool) -> Vec<Arc<Revocable>> {
    let meant = sessions.values().filter(|(_, issued)| closes(*issued));
    meant.filter_map(|(session, _)| session.upgrade()).collect()
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
            self.0.lock().is_revoked(subject, id.map(TokenId::from).as_ref(), issued)
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
    fn what_is_revoked_of_one_issuer_is_not_revoked_of_another() {
        let revocations = Revocations::new();
        let subject = |issuer: &str| Subject::of_issuer(issuer, "alice");
        let id = |issuer: &str| TokenId::of_issuer(issuer, "7");
        revocations.revoke_subject(&subject("a"));
        revocations.revoke_id(id("b"));
        let state = revocations.0.lock();
        for (subject, id, revoked) in [
            (subject("a"), id("a"), true),
            (subject("b"), id("a"), false),
            (subject("b"), id("b"), true),
            (Subject::new("alice"), TokenId::new("7"), false),
        ] {
            assert_eq!(state.is_revoked(Some(&subject), Some(&id), None), revoked, "{subject:?} {id:?}");
        }
    }

    #[test]
    fn a_revocation_that_matches_no_session_for_its_issuer_is_said_once() {
        let (plain, issued) = (Subject::new("alice"), Subject::of_issuer("a", "alice"));
        for (registered, revoked, warned) in [
            (&[] as &[_], &plain, false),
            (&[&plain], &plain, false),
            (&[&plain], &issued, true),
            (&[&issued], &plain, true),
            (&[&issued], &issued, false),
            (&[&issued, &plain], &plain, false),
        ] {
            let (revocations, session) = (Revocations::new(), Arc::default());
            for subject in registered {
                revocations.register(&session, Some(subject), None, None).unwrap();
            }
            revocations.revoke_subject(revoked);
            assert_eq!(revocations.0.lock().issuers.warned, warned, "{registered:?} {revoked:?}");
        }
    }

    #[test]
    fn a_session_that_ends_leaves_nothing_behind() {
        let revocations = Revocations::new();
        let (alice, session) = (Subject::new("alice"), Arc::default());
        let first = revocations.register(&session, Some(&alice), Some(&"7".into()), None).unwrap();
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
        revocations.revoke_id("8");
        assert!(!revocations.is_revoked(None, Some("7"), None));
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_are_remembered_by_a_clock_that_nobody_sets() {
        let hour = Duration::from_secs(60 * 60);
        let (day, forever) = (Revocations::new(), Revocations::remember(Duration::MAX));
        let alice = Subject::new("alice");
        let are_revoked = || {
            [&day, &forever].map(|revocations| {
                // Each of these may forget others.
                revocations.revoke_id("8");
                revocations.revoke_subject(&Subject::new("bob"));
                [(None, Some("7")), (Some(&alice), None)].map(|(subject, id)| revocations.is_revoked(subject, id, None))
            })
        };
        for revocations in [&day, &forever] {
            revocations.revoke_id("7");
            revocations.revoke_subject(&alice);
        }
        tokio::time::advance(23 * hour).await;
        assert_eq!(are_revoked(), [[true; 2]; 2]);
        tokio::time::advance(hour).await;
        assert_eq!(are_revoked(), [[false; 2], [true; 2]]);
    }

    #[test]
    fn a_subject_is_revoked_by_its_issuers_clock() {
        let revocations = Revocations::new();
        let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
        // The issuer's clock is ahead.
        let time = SystemTime::now() + Duration::from_secs(20);
        let just_before = Some(time - Duration::from_secs(1));
        revocations.revoke_subject(&alice);
        assert!(!revocations.is_revoked(Some(&alice), None, just_before), "by this machine's clock");

        let sessions: [Arc<Revocable>; 3] = Default::default();
        let of = [(&alice, just_before), (&alice, Some(time)), (&bob, just_before)];
        let _registered: Vec<_> = std::iter::zip(&sessions, of)
            .map(|(session, (subject, issued))| revocations.register(session, Some(subject), None, issued).unwrap())
            .collect();
        assert_eq!(revocations.revoke_subject_issued_before(&alice, time), 1);
        assert_eq!(sessions.each_ref().map(|session| session.is_revoked()), [true, false, false]);
        for (subject, issued, revoked) in
            [(&alice, just_before, true), (&alice, None, true), (&alice, Some(time), false), (&bob, just_before, false)]
        {
            assert_eq!(revocations.is_revoked(Some(subject), None, issued), revoked, "{subject:?} {issued:?}");
        }
    }

    #[test]
    fn a_revocation_takes_none_back() {
        let alice = Subject::new("alice");
        let (earlier, time) = (SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(20));
        for then in [
            |revocations: &Revocations, alice: &Subject, _| revocations.revoke_subject(alice),
            |revocations: &Revocations, alice: &Subject, earlier| {
                revocations.revoke_subject_issued_before(alice, earlier)
            },
            |revocations: &Revocations, _: &Subject, earlier| revocations.revoke_issued_before(earlier),
        ] {
            let revocations = Revocations::new();
            revocations.revoke_subject_issued_before(&alice, time);
            then(&revocations, &alice, earlier);
            assert!(revocations.is_revoked(Some(&alice), None, Some(time - Duration::from_secs(1))));
        }
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
        let id = |step: usize| TokenId::from(step.to_string());
        at_once(
            sessions.len(),
            |step| *lock(&registered[step]) = revocations.register(&sessions[step], None, Some(&id(step)), None).ok(),
            |step| assert!(revocations.revoke_id(id(step)) <= 1),
        );
        let live = registered.iter().zip(&sessions).filter(|(registered, _)| lock(registered).is_some());
        assert_eq!(live.filter(|(_, session)| !session.is_revoked()).count(), 0, "sessions live on");
    }
}
