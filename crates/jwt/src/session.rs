//! The session of an authenticated connection: its claims, its end, and its renewal.
//!
//! A session ends by the wall clock or by the monotonic clock, whichever comes first: setting a clock back prolongs no
//! session, and neither does a machine that sleeps.
//!
//! # Races
//!
//! - **A renewal and a revocation**: a token is registered before it counts, so a revocation that comes in between
//!   finds the session and closes it.
//! - **Two renewals**: the later end stands, whichever comes last. The token that loses is dropped outside of the lock.
//! - **A renewal and a deadline**: `look_at` is stored under the lock of the token, so it is never of an older token
//!   than the one that is held.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{
    Connection,
    identity::Subject,
    observe::{Describe, Description},
    shared::Deadline,
};

use crate::{
    admit::Good,
    error::TokenError,
    revocations::{Registration, Revocable},
    settings::Settings,
    spend::Spent,
    sync::lock,
    time::{NEVER, Time},
    token_id::TokenId,
    verify::Verified,
};

/// The session of a connection whose token was verified. Only [`JwtLayer`](crate::JwtLayer) creates one.
///
/// It has no claims for an anonymous client, or before the first message if the token comes with that.
///
/// The session of a plain request, which is not a handshake, has no live connection. It has the state of the moment at
/// which the request arrived, except for [`revoked`](Self::revoked), which is current. The response is not ended at
/// [`expires_at`](Self::expires_at) or by a revocation, so a long response, such as a stream of events, has to check.
///
/// ```
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use portcullis_core::{identity::Subject, testing::Clock};
/// use portcullis_jwt::{Session, TokenError, Verified, testing::Tokens};
///
/// /// What a handler does with a message such as `{"token": "..."}` of a client that stays longer than its token.
/// async fn renew(session: &Session<&'static str>, token: &str) -> Result<(), TokenError> {
///     session.renew(token).await.map(drop) // an error does not end the session
/// }
///
/// let clock = Clock::new();
/// let [soon, later] = [60, 3600].map(|seconds| Some(clock.now() + Duration::from_secs(seconds)));
/// let of = |name, expires_at| {
///     let mut verified = Verified::new("claims");
///     (verified.subject, verified.expires_at) = (Some(Subject::new(name)), expires_at);
///     verified
/// };
/// let tokens = Tokens::new(&clock).accept("1", of("alice", soon)).accept("2", of("alice", later));
/// let tokens = tokens.accept("bob's", of("bob", later));
///
/// let session = tokens.session("1").unwrap(); // as an extractor, or from the request's extensions
/// assert_eq!((session.subject(), session.expires_at()), (Some(Subject::new("alice")), soon));
/// assert!(renew(&session, "2").await.is_ok());
/// assert_eq!(session.expires_at(), later);
/// assert!(renew(&session, "1").await.is_ok(), "good, and ends sooner than the one that is held");
/// assert_eq!(session.expires_at(), later);
/// assert!(matches!(renew(&session, "bob's").await, Err(TokenError::Forbidden(_))));
/// # }
/// ```
pub struct Session<T>(pub(crate) Arc<Live<T>>);

pub(crate) struct Live<T> {
    settings: Arc<Settings<T>>,
    #[cfg(feature = "axum")]
    first: bool,
    #[cfg(feature = "axum")]
    good: Good,
    /// It is the session of a request that is not a handshake. It asks whether it was revoked: nothing is closed where
    /// a request is answered and over.
    plain: bool,
    token: Mutex<Option<CurrentToken<T>>>,
    /// What is notified that the session was revoked, and closes its connection. `None` if the layer has no
    /// revocations.
    revocable: Option<Arc<Revocable>>,
    /// When the end is looked at next, in nanoseconds since the layer's epoch. Written under the lock of `token`, and
    /// read without it: no value is further ahead than `MAX_BLIND`, and so a stale one is off by no more.
    look_at: AtomicI64,
}

/// What the newest token says.
struct CurrentToken<T> {
    claims: Arc<T>,
    subject: Option<Subject>,
    expires_at: Option<SystemTime>,
    /// When the connection is closed by the monotonic clock, in nanoseconds since the layer's epoch: a wall clock that
    /// is set back does not prolong a session. `NEVER` if it does not expire, or in centuries.
    steady_end: i64,
    /// What it is revoked by. `None` if the layer has no revocations.
    named: Option<Box<Named>>,
}

/// What a token is revoked by.
enum Named {
    /// It is notified.
    Registered { _until_dropped: Registration },
    /// It asks: beside its subject, by these.
    Unregistered { id: Option<TokenId>, issued_at: Option<SystemTime> },
}

impl<T: 'static> CurrentToken<T> {
    /// How long the connection may stay open, grace included: by the wall clock, or by the monotonic clock, whichever
    /// ends first. The monotonic clock may stop while a machine sleeps, and the wall clock may be set back; the earlier
    /// of the two is right in both cases. `None` if it does not expire.
    fn left(&self, settings: &Settings<T>, time: Time) -> Option<Duration> {
        let wall = settings.left(self.expires_at, time)?;
        if self.steady_end == NEVER {
            return Some(wall);
        }
        let steady = self.steady_end.saturating_sub(time.steady);
        Some(wall.min(Duration::from_nanos(u64::try_from(steady).unwrap_or(0))))
    }
}

impl<T: Send + Sync + 'static> Session<T> {
    /// A session whose token is yet to come, with the first message if so.
    pub(crate) fn new(settings: Arc<Settings<T>>, first: bool) -> Self {
        let revocable = settings.revocations.is_some().then(Arc::default);
        Self::of(settings, first, Good::ForAll, revocable, false)
    }

    /// The session of a request that is not a handshake.
    pub(crate) fn plain(settings: Arc<Settings<T>>, good: Good) -> Self {
        Self::of(settings, false, good, None, true)
    }

    fn of(settings: Arc<Settings<T>>, first: bool, good: Good, revocable: Option<Arc<Revocable>>, plain: bool) -> Self {
        #[cfg(not(feature = "axum"))]
        let _ = (first, good);
        Self(Arc::new(Live {
            settings,
            #[cfg(feature = "axum")]
            first,
            #[cfg(feature = "axum")]
            good,
            plain,
            token: Mutex::new(None),
            revocable,
            look_at: AtomicI64::new(NEVER),
        }))
    }

    /// Returns the claims of the newest token, or `None` for an anonymous client and before the first message.
    pub fn claims(&self) -> Option<Arc<T>> {
        self.0.token().as_ref().map(|held| held.claims.clone())
    }

    /// Returns the subject, if the token has one.
    pub fn subject(&self) -> Option<Subject> {
        self.0.token().as_ref().and_then(|held| held.subject.clone())
    }

    /// Returns when the session ends, including the verifier's leeway, or `None` if it does not expire. The connection
    /// is closed then, after the [`grace`](crate::JwtLayer::grace); the response to a plain request continues.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.token().as_ref().and_then(|held| held.expires_at)
    }

    /// Returns true if its token or its subject was revoked. The connection is being closed then; the response to a
    /// plain request continues.
    pub fn revoked(&self) -> bool {
        match &self.0.revocable {
            Some(revocable) => revocable.is_revoked(),
            None => self.0.plain && self.0.is_among_revoked(),
        }
    }

    /// Continues the session with a newer token for the same subject, and returns when the session ends now.
    ///
    /// A token can only extend the session; of several concurrent calls, the latest end applies. Without a subject, two
    /// tokens cannot be compared, so such a session cannot be renewed. Nor can the session of a plain request: the next
    /// request carries its own token.
    ///
    /// Cancel safe: a cancelled call leaves the session unchanged. If tokens are single-use, this one may be used up.
    ///
    /// # Errors
    ///
    /// Returns why the token is not accepted. The session continues as before.
    pub async fn renew(&self, token: &str) -> Result<Option<SystemTime>, TokenError> {
        let settings = &self.0.settings;
        if self.0.plain {
            return Err(TokenError::Forbidden("a plain request has no session to renew"));
        }
        let verified = settings.verify_within(token, Duration::MAX).await?;
        settings.authorize(&verified)?;
        let held = self.0.token().as_ref().map(|held| (held.subject.clone(), held.expires_at));
        let Some((subject, _)) = held else { return Err(TokenError::Forbidden("there is no session to renew")) };
        if subject.is_none() || subject != verified.subject {
            return Err(TokenError::Forbidden("not a token of the same subject"));
        }
        if self.revoked() {
            return Err(TokenError::Revoked);
        }
        let spent = settings.spend_in_time(verified, Deadline::within).await?;
        self.0.hold(spent)?;
        Ok(self.expires_at())
    }

    /// Whether its token comes with the first message, and has not come.
    #[cfg(feature = "axum")]
    pub(crate) fn is_yet_to_begin(&self) -> bool {
        self.0.first && self.0.token().is_none()
    }

    /// Begins with a token that is good for it.
    pub(crate) fn open(&self, spent: Spent<T>) -> Result<(), TokenError> {
        self.0.hold(spent)
    }

    pub(crate) fn attach(&self, connection: &Connection) {
        if let Some(revocable) = &self.0.revocable {
            revocable.attach(connection);
        }
    }

    /// What its token is good for.
    #[cfg(feature = "axum")]
    pub(crate) fn good(&self) -> Good {
        self.0.good
    }
}

impl<T: 'static> Live<T> {
    fn token(&self) -> MutexGuard<'_, Option<CurrentToken<T>>> {
        lock(&self.token)
    }

    /// Goes on with a token, unless it ends sooner than the one that is held, or is revoked.
    fn hold(&self, spent: Spent<T>) -> Result<(), TokenError> {
        let Spent { verified, time } = spent;
        let Verified { claims, subject, id, issued_at, expires_at } = verified;
        // First it can be revoked, then it counts: a revocation that comes in between finds the session, and closes it.
        let revocations = self.settings.revocations.as_ref();
        let named = match (revocations, &self.revocable) {
            (Some(revocations), Some(revocable)) => {
                let registration = revocations.register(revocable, subject.as_ref(), id.as_ref(), issued_at)?;
                // By an older token of its own.
                if revocable.is_revoked() {
                    return Err(TokenError::Revoked);
                }
                Some(Box::new(Named::Registered { _until_dropped: registration }))
            }
            (Some(revocations), None) => {
                revocations.check(subject.as_ref(), id.as_ref(), issued_at)?;
                Some(Box::new(Named::Unregistered { id, issued_at }))
            }
            (None, _) => None,
        };
        let left = self.settings.left(expires_at, time);
        let steady_end = left.map_or(NEVER, |left| time.steady_in(left));
        let held = CurrentToken { claims: Arc::new(claims), subject, expires_at, steady_end, named };
        let not_held = self.replace(held, time.look_at(left));
        // Nothing is locked: whose claims these are may ask the session as they are dropped.
        drop(not_held);
        Ok(())
    }

    fn is_among_revoked(&self) -> bool {
        let token = self.token();
        let Some(CurrentToken { subject, named: Some(named), .. }) = token.as_ref() else { return false };
        let Named::Unregistered { id, issued_at } = named.as_ref() else { return false };
        let revocations = self.settings.revocations.as_ref();
        revocations.is_some_and(|all| all.has(subject.as_ref(), id.as_ref(), *issued_at))
    }

    /// Returns what is not held any more, which may be the token itself. Of two renewals at once the later end stands.
    /// The older token may be revoked until it is dropped, which closes the session though a newer one came: as if the
    /// revocation had come first.
    fn replace(&self, newer: CurrentToken<T>, look_at: i64) -> Option<CurrentToken<T>> {
        let mut token = self.token();
        if token.as_ref().is_some_and(|held| !is_later(newer.expires_at, held.expires_at)) {
            return Some(newer);
        }
        self.look_at.store(look_at, Ordering::Relaxed);
        token.replace(newer)
    }

    /// Whether the session is over. If not, says when to look again.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.look_again(self.settings.time(now))
    }

    fn look_again(&self, time: Time) -> bool {
        // Locked to the end, so that of two at once the one that has seen the newer token says when.
        let token = self.token();
        let left = token.as_ref().and_then(|held| held.left(&self.settings, time));
        self.look_at.store(time.look_at(left), Ordering::Relaxed);
        left.is_none_or(|left| !left.is_zero())
    }

    pub(crate) fn look_at(&self) -> Option<Instant> {
        match self.look_at.load(Ordering::Relaxed) {
            NEVER => None,
            nanos => self.settings.instant(nanos),
        }
    }
}

/// Whether one end lies behind another; never is behind all.
fn is_later(one: Option<SystemTime>, other: Option<SystemTime>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

/// For an operator: when the session ends.
impl<T: Send + Sync + 'static> Describe for Session<T> {
    fn describe(&self, description: &mut Description) {
        description.ends(self.expires_at());
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.0.revocable.as_ref().and_then(|revocable| revocable.connection());
        f.debug_struct("Session").field("connection", &connection).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        pin::pin,
        sync::atomic::AtomicUsize,
        task::{Context, Waker},
    };

    use portcullis_core::{
        clock::now,
        policy::{Action, Activity, Policy},
        testing::Clock,
    };

    use super::*;
    use crate::{JwtLayer, Revocations, Verification, Verify, policy::Expiry};

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// Tokens are the hour at which they end, by a clock that panics on request.
    struct Hours {
        clock: Clock,
        /// How often it may be read.
        reads: Arc<AtomicUsize>,
    }

    impl Verify<()> for Hours {
        fn verify(&self, token: &str) -> Verification<()> {
            if token == "never" {
                return Verification::wait(std::future::pending());
            }
            let mut verified = Verified::new(());
            verified.subject = Some(Subject::new("alice"));
            verified.id = Some(token.into());
            verified.expires_at = token.parse().ok().map(|hours: u32| SystemTime::UNIX_EPOCH + hours * HOUR);
            Verification::ready(Ok(verified))
        }

        fn now(&self) -> SystemTime {
            let reads = self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |reads| reads.checked_sub(1));
            if reads.is_err() {
                resume_unwind(Box::new("the clock is broken"));
            }
            self.clock.now()
        }
    }

    struct Kit {
        clock: Clock,
        reads: Arc<AtomicUsize>,
        revocations: Revocations,
        session: Session<()>,
        policy: Expiry<()>,
    }

    /// A session of an hour.
    async fn kit(change: impl FnOnce(JwtLayer<()>) -> JwtLayer<()>) -> Kit {
        let (clock, reads) = (Clock::at(SystemTime::UNIX_EPOCH), Arc::new(AtomicUsize::new(usize::MAX)));
        let revocations = Revocations::new();
        let layer = JwtLayer::new(Hours { clock: clock.clone(), reads: reads.clone() });
        let session = Session::new(change(layer.revocations(revocations.clone())).settings(), false);
        let settings = &session.0.settings;
        let verified = settings.verify_within("1", Duration::MAX).await.unwrap();
        let spent = settings.spend_in_time(verified, Deadline::within).await;
        session.open(spent.unwrap_or_else(|error| panic!("{error}"))).unwrap();
        let policy = Expiry(session.0.clone());
        Kit { clock, reads, revocations, session, policy }
    }

    impl Kit {
        /// Waits until a time, with each look that is due on the way. Returns whether the session is over then.
        async fn is_over_at(&mut self, time: Instant) -> bool {
            let activity = Activity::default();
            while let Some(due) = self.policy.deadline(&activity).filter(|due| *due <= time) {
                tokio::time::sleep_until(due.into()).await;
                if matches!(self.policy.on_deadline(&activity, now()), Action::Close(_)) {
                    return true;
                }
            }
            tokio::time::sleep_until(time.into()).await;
            false
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_does_not_prolong_a_session() {
        for grace in [Duration::ZERO, HOUR / 2] {
            let mut kit = kit(|layer| layer.grace(grace)).await;
            let began = now();
            tokio::time::advance(HOUR / 2).await;
            kit.clock.set(SystemTime::UNIX_EPOCH);
            assert!(!kit.is_over_at(began + grace + 59 * MINUTE).await, "{grace:?}");
            assert!(kit.is_over_at(began + grace + HOUR).await, "{grace:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_does_not_keep_a_session_from_being_renewed() {
        let mut kit = kit(|layer| layer).await;
        tokio::time::advance(HOUR / 2).await;
        kit.clock.set(SystemTime::UNIX_EPOCH);
        let renewed = now();
        assert_eq!(kit.session.renew("2").await, Ok(Some(SystemTime::UNIX_EPOCH + 2 * HOUR)));
        assert!(!kit.is_over_at(renewed + 119 * MINUTE).await);
        assert!(kit.is_over_at(renewed + 2 * HOUR).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_whose_verification_never_ends_is_given_up() {
        let kit = kit(|layer| layer.verify_timeout(MINUTE)).await;
        let began = now();
        let renewed = tokio::time::timeout(HOUR, kit.session.renew("never")).await;
        assert_eq!((renewed, now() - began), (Ok(Err(TokenError::Unavailable)), MINUTE));
    }

    fn panics(act: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(act)).is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_panics_leaves_no_renewal_half_done() {
        for reads in 0..3 {
            let Kit { reads: left, revocations, session, .. } = kit(|layer| layer.single_use(10)).await;
            left.store(reads, Ordering::Relaxed);
            let panicked = panics(|| {
                let renewed = pin!(session.renew("2")).poll(&mut Context::from_waker(Waker::noop()));
                assert!(renewed.is_ready());
            });
            left.store(usize::MAX, Ordering::Relaxed);
            let hours = if panicked { 1 } else { 2 };
            assert_eq!(session.expires_at(), Some(SystemTime::UNIX_EPOCH + hours * HOUR), "{reads} reads");
            assert_eq!(revocations.revoke_id("2").here(), usize::from(!panicked), "{reads} reads");
            assert_eq!(session.renew("3").await.is_ok(), panicked, "{reads} reads: nothing is locked");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_panics_when_a_session_is_due_leaves_nothing_locked() {
        let mut kit = kit(|layer| layer).await;
        let began = now();
        assert!(!kit.is_over_at(began + HOUR / 2).await);
        let due = kit.policy.deadline(&Activity::default()).unwrap();
        tokio::time::advance(HOUR).await;
        kit.reads.store(0, Ordering::Relaxed);
        assert!(panics(|| drop(kit.policy.on_deadline(&Activity::default(), now()))));
        assert_eq!(kit.policy.deadline(&Activity::default()), Some(due), "it is still due");
        assert_eq!(kit.session.claims().as_deref(), Some(&()));
        kit.reads.store(usize::MAX, Ordering::Relaxed);
        assert!(kit.is_over_at(now()).await);
        assert_eq!(kit.revocations.revoke_id("1").here(), 1);
    }
}
