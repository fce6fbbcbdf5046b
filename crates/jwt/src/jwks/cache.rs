//! When keys are fetched: for a name that is not known, and in the background when they are old.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jsonwebtoken::Algorithm;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    fetch::{Fetch, FetchError},
    report::Report,
    set::{self, Set},
};
use crate::{
    error::TokenError,
    keys::{Key, KeySet, NotFound},
    sync::lock,
};

/// The keys of one issuer. Clones share the keys and the fetches; each clone has its own settings.
#[derive(Clone)]
pub struct Jwks {
    settings: Settings,
    shared: Arc<Shared>,
}

struct Shared {
    fetch: Box<dyn Fetch>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    min_interval: Duration,
    max_age: Duration,
    keep_for: Duration,
    patience: Duration,
    max_bytes: usize,
}

/// One lock for what is known and for who fetches: a lookup finds a set, joins the fetch that will bring it, or begins
/// one. A fetch leaves its set here before it says that it has ended, and so whoever waits for it finds what it
/// brought.
#[derive(Default)]
struct State {
    /// What was fetched last, and when.
    keys: Option<(Arc<KeySet>, Instant)>,
    attempted: Option<Instant>,
    /// Closes when the fetch that is under way has ended, however it did.
    fetching: Option<watch::Receiver<()>>,
    report: Report,
}

/// A key, or where it will come from.
pub(crate) enum Found {
    Now(Result<Arc<Key>, TokenError>),
    Later(Pin<Box<dyn Future<Output = Result<Arc<Key>, TokenError>> + Send>>),
}

impl Jwks {
    /// Keys by whatever fetches them.
    ///
    /// # Defaults
    ///
    /// At least 30 s between fetches for unknown keys, fetched anew in the background every 10 min, kept for 24 h if
    /// that fails, 5 s for a fetch, 256 KiB for a set.
    pub fn new(fetch: impl Fetch) -> Self {
        let settings = Settings {
            min_interval: Duration::from_secs(30),
            max_age: Duration::from_secs(10 * 60),
            keep_for: Duration::from_secs(24 * 60 * 60),
            patience: Duration::from_secs(5),
            max_bytes: 256 * 1024,
        };
        Self { settings, shared: Arc::new(Shared { fetch: Box::new(fetch), state: Mutex::default() }) }
    }

    /// How long to wait between fetches that unknown keys ask for.
    ///
    /// # Panics
    ///
    /// If `interval` is zero: any client could have the issuer asked as often as it likes.
    #[track_caller]
    pub fn min_interval(mut self, interval: Duration) -> Self {
        assert!(!interval.is_zero(), "an interval of zero lets clients flood the issuer");
        self.settings.min_interval = interval;
        self
    }

    /// How old keys may be before they are fetched anew.
    ///
    /// # Panics
    ///
    /// If `age` is zero.
    #[track_caller]
    pub fn max_age(mut self, age: Duration) -> Self {
        assert!(!age.is_zero(), "an age of zero fetches keys that are never used");
        self.settings.max_age = age;
        self
    }

    /// How old keys may become where they cannot be fetched anew. After that they are dropped, and tokens cannot be
    /// judged: 503. An attacker who keeps the issuer from being reached could otherwise have a stolen key trusted that
    /// the issuer has withdrawn.
    ///
    /// # Panics
    ///
    /// If `age` is zero.
    #[track_caller]
    pub fn keep_for(mut self, age: Duration) -> Self {
        assert!(!age.is_zero(), "an age of zero drops keys before they are used");
        self.settings.keep_for = age;
        self
    }

    /// How long a fetch may take.
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn timeout(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "nothing is fetched in no time");
        self.settings.patience = time;
        self
    }

    /// How many bytes a set may have.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a set of keys has at least one byte");
        self.settings.max_bytes = bytes;
        self
    }

    /// Whose keys these are, if that is known.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.shared.fetch.issuer()
    }

    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let now = Instant::now();
        let mut state = self.shared.lock();
        let Some((keys, age)) = self.settings.kept(&state, now) else {
            // Without any key there is more to gain: every second.
            let interval = self.settings.min_interval.min(Duration::from_secs(1));
            return match self.refresh(&mut state, now, interval) {
                Some(fetching) => self.later(fetching, kid, algorithm),
                None => Found::Now(Err(TokenError::Unavailable)),
            };
        };
        let interval = self.settings.min_interval;
        match keys.find(kid, algorithm) {
            // A key that is known and used otherwise will not be another one tomorrow.
            found @ (Ok(_) | Err(NotFound::OtherAlgorithm)) => {
                if age >= self.settings.max_age {
                    self.refresh(&mut state, now, interval);
                }
                Found::Now(found.map_err(TokenError::from))
            }
            Err(missing @ (NotFound::Unknown | NotFound::Unnamed)) => match self.refresh(&mut state, now, interval) {
                Some(fetching) => self.later(fetching, kid, algorithm),
                None => Found::Now(Err(missing.into())),
            },
        }
    }

    /// Joins the fetch that is under way, or begins one. `None` if it is too early for another.
    fn refresh(&self, state: &mut State, now: Instant, interval: Duration) -> Option<watch::Receiver<()>> {
        // A runtime that shuts down drops tasks that never ran: only the sender's end says that a fetch is over.
        if let Some(fetching) = state.fetching.as_ref().filter(|fetching| fetching.has_changed().is_ok()) {
            return Some(fetching.clone());
        }
        if state.attempted.is_some_and(|attempted| now.saturating_duration_since(attempted) < interval) {
            return None;
        }
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (ended, fetching) = watch::channel(());
        state.attempted = Some(now);
        state.fetching = Some(fetching.clone());
        runtime.spawn(self.clone().fetch(ended));
        Some(fetching)
    }

    async fn fetch(self, _ended: watch::Sender<()>) {
        let Settings { patience, max_bytes, .. } = self.settings;
        let fetched = timeout(patience, self.shared.fetch.fetch(max_bytes)).await.unwrap_or(Err(FetchError::Timeout));
        let read = |json: Vec<u8>| {
            if json.len() > max_bytes {
                return Err(FetchError::TooBig);
            }
            set::read(&json).ok_or(FetchError::Unreadable)
        };
        for line in self.shared.keep(fetched.and_then(read)) {
            #[cfg(feature = "tracing")]
            tracing::warn!(target: "portcullis", "{line}");
            let _ = line;
        }
    }

    fn later(&self, mut fetching: watch::Receiver<()>, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let (Self { settings, shared }, kid) = (self.clone(), kid.map(str::to_owned));
        Found::Later(Box::pin(async move {
            // Its sender is dropped when it has ended.
            let _ended = fetching.changed().await;
            let kept = settings.kept(&shared.lock(), Instant::now());
            let (keys, _) = kept.ok_or(TokenError::Unavailable)?;
            Ok(keys.find(kid.as_deref(), algorithm)?)
        }))
    }
}

impl Settings {
    /// The keys and their age, unless they are too old. For another clone, which keeps them for longer, they may not
    /// be, and so they stay.
    fn kept(&self, state: &State, now: Instant) -> Option<(Arc<KeySet>, Duration)> {
        let (keys, fetched) = state.keys.as_ref()?;
        let age = now.saturating_duration_since(*fetched);
        (age < self.keep_for).then(|| (keys.clone(), age))
    }
}

impl Shared {
    /// Keeps what was fetched. Returns what there is to say about it, where nothing is locked.
    fn keep(&self, read: Result<Set, FetchError>) -> Vec<String> {
        let mut state = self.lock();
        match read {
            // Even if none is left: what the issuer does not publish any more it has withdrawn.
            Ok(Set { keys, notes }) => {
                state.keys = Some((Arc::new(keys), Instant::now()));
                state.report.fetched(notes)
            }
            Err(error) => state.report.failed(&error, Instant::now()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("settings", &self.settings).finish_non_exhaustive()
    }
}
