//! What is known of an authenticated connection while it lives.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{Connection, clock::now, identity::Subject};

use crate::{
    error::TokenError,
    revocations::{Registration, Revocable},
    settings::Settings,
    sync::lock,
    verify::Verified,
};

/// Wall clocks jump, and machines sleep: a session's end is looked at so often at least.
const MOST_BLIND: Duration = Duration::from_secs(60);

/// The session of a connection whose token was verified. Only [`JwtLayer`](crate::JwtLayer) makes one.
///
/// Where the token comes with the first message, and for anonymous clients, there are no claims at first.
pub struct Session<T>(pub(crate) Arc<Live<T>>);

pub(crate) struct Live<T> {
    settings: Arc<Settings<T>>,
    #[cfg(feature = "axum")]
    first: bool,
    token: Mutex<Option<Held<T>>>,
    revocable: Arc<Revocable>,
    /// When the end is looked at next, in nanoseconds since `created`.
    look_at: AtomicU64,
    created: Instant,
}

/// What the newest token says.
struct Held<T> {
    claims: Arc<T>,
    subject: Option<Subject>,
    expires_at: Option<SystemTime>,
    _registration: Registration,
}

const NEVER: u64 = u64::MAX;

impl<T: Send + Sync + 'static> Session<T> {
    /// A session whose token is yet to come, with the first message if so.
    pub(crate) fn new(settings: Arc<Settings<T>>, first: bool) -> Self {
        #[cfg(not(feature = "axum"))]
        let _ = first;
        Self(Arc::new(Live {
            settings,
            #[cfg(feature = "axum")]
            first,
            token: Mutex::new(None),
            revocable: Arc::default(),
            look_at: AtomicU64::new(NEVER),
            created: now(),
        }))
    }

    /// The claims of the newest token; `None` for an anonymous client, or before the first message.
    pub fn claims(&self) -> Option<Arc<T>> {
        self.0.token().as_ref().map(|held| held.claims.clone())
    }

    /// Who is connected, if the token says.
    pub fn subject(&self) -> Option<Subject> {
        self.0.token().as_ref().and_then(|held| held.subject.clone())
    }

    /// When the session ends, the verifier's leeway included; `None` if it does not.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.token().as_ref().and_then(|held| held.expires_at)
    }

    /// Whether its token, or its subject, was revoked. The connection is being closed then.
    pub fn revoked(&self) -> bool {
        self.0.revocable.is_revoked()
    }

    /// Goes on with a newer token of the same subject. Returns when the session ends now: a token may only move that
    /// forward, and of several at once the latest end stands. Tokens that name no subject cannot be told to be of the
    /// same one: such a session cannot be renewed.
    ///
    /// Cancel safe: a cancelled call changes nothing.
    ///
    /// # Errors
    ///
    /// Why the token is not accepted. The session goes on as before.
    pub async fn renew(&self, token: &str) -> Result<Option<SystemTime>, TokenError> {
        let settings = &self.0.settings;
        let verified = settings.verify(token).await?;
        settings.authorize(&verified)?;
        let held = self.0.token().as_ref().map(|held| (held.subject.clone(), held.expires_at));
        let Some((subject, _)) = held else { return Err(TokenError::Forbidden("there is no session to renew")) };
        if subject.is_none() || subject != verified.subject {
            return Err(TokenError::Forbidden("not a token of the same subject"));
        }
        if self.revoked() {
            return Err(TokenError::Revoked);
        }
        settings.spend(&verified)?;
        self.0.hold(verified)?;
        Ok(self.expires_at())
    }

    /// Whether its token comes with the first message, and has not come.
    #[cfg(feature = "axum")]
    pub(crate) fn is_yet_to_begin(&self) -> bool {
        self.0.first && self.0.token().is_none()
    }

    /// Begins with a verified token.
    pub(crate) fn open(&self, verified: Verified<T>) -> Result<(), TokenError> {
        let settings = &self.0.settings;
        settings.authorize(&verified)?;
        settings.spend(&verified)?;
        self.0.hold(verified)
    }

    pub(crate) fn attach(&self, connection: &Connection) {
        self.0.revocable.attach(connection);
    }
}

impl<T: 'static> Live<T> {
    fn token(&self) -> MutexGuard<'_, Option<Held<T>>> {
        lock(&self.token)
    }

    /// Goes on with a token, unless it ends sooner than the one that is held, or is revoked.
    fn hold(&self, verified: Verified<T>) -> Result<(), TokenError> {
        let Verified { claims, subject, id, issued_at, expires_at } = verified;
        let revocations = &self.settings.revocations;
        let registration = revocations.register(&self.revocable, subject.as_ref(), id.as_deref(), issued_at)?;
        // By an older token of its own.
        if self.revocable.is_revoked() {
            return Err(TokenError::Revoked);
        }
        let held = Held { claims: Arc::new(claims), subject, expires_at, _registration: registration };
        let left = self.replace(held);
        // Nothing is locked: whose claims these are may ask the session as they are dropped.
        drop(left);
        self.look_again(self.settings.verifier.now(), now());
        Ok(())
    }

    /// Returns what is not held any more, which may be the token itself.
    fn replace(&self, newer: Held<T>) -> Option<Held<T>> {
        let mut token = self.token();
        let sooner = token.as_ref().is_some_and(|held| !is_later(newer.expires_at, held.expires_at));
        if sooner { Some(newer) } else { token.replace(newer) }
    }

    /// Whether the session is over. If not, says when to look again.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.look_again(self.settings.verifier.now(), now)
    }

    fn look_again(&self, wall: SystemTime, now: Instant) -> bool {
        let ends = self.token().as_ref().and_then(|held| held.expires_at);
        let Some(ends) = ends.and_then(|ends| ends.checked_add(self.settings.grace)) else {
            self.look_at.store(NEVER, Ordering::Relaxed);
            return true;
        };
        let left = ends.duration_since(wall).unwrap_or_default();
        let look_at = now.saturating_duration_since(self.created) + left.min(MOST_BLIND);
        self.look_at.store(u64::try_from(look_at.as_nanos()).unwrap_or(NEVER - 1), Ordering::Relaxed);
        !left.is_zero()
    }

    pub(crate) fn look_at(&self) -> Option<Instant> {
        match self.look_at.load(Ordering::Relaxed) {
            NEVER => None,
            nanos => self.created.checked_add(Duration::from_nanos(nanos)),
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

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connection", &self.0.revocable.connection()).finish_non_exhaustive()
    }
}
