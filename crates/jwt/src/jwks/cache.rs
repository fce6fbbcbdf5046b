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
    set,
};
use crate::{
    error::TokenError,
    keys::{Key, Named, NotFound},
    sync::lock,
};

/// The keys of one issuer. Clones share them.
#[derive(Clone)]
pub struct Jwks(Arc<Shared>);

struct Shared {
    fetch: Box<dyn Fetch>,
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct Settings {
    min_interval: Duration,
    max_age: Duration,
    patience: Duration,
    max_bytes: usize,
}

/// One lock for what is known and for who fetches: a lookup finds a set, joins the fetch that will bring it, or begins
/// one. A fetch leaves its set here before it says that it has ended, and so whoever waits for it finds what it
/// brought.
#[derive(Default)]
struct State {
    /// What was fetched last, and when.
    keys: Option<(Arc<Named>, Instant)>,
    attempted: Option<Instant>,
    /// Closes when the fetch that is under way has ended, however it did.
    fetching: Option<watch::Receiver<()>>,
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
    /// At least 30 s between fetches for unknown keys, fetched anew in the background every 10 min, 5 s for a fetch,
    /// 256 KiB for a set.
    pub fn new(fetch: impl Fetch) -> Self {
        let settings = Settings {
            min_interval: Duration::from_secs(30),
            max_age: Duration::from_secs(600),
            patience: Duration::from_secs(5),
            max_bytes: 256 * 1024,
        };
        Self(Arc::new(Shared { fetch: Box::new(fetch), settings, state: Mutex::default() }))
    }

    /// How long to wait between fetches that unknown keys ask for.
    pub fn min_interval(self, interval: Duration) -> Self {
        self.set(|settings| settings.min_interval = interval)
    }

    /// How old keys may be before they are fetched anew.
    pub fn max_age(self, age: Duration) -> Self {
        self.set(|settings| settings.max_age = age)
    }

    /// How long a fetch may take.
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.patience = time)
    }

    /// How many bytes a set may have.
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_bytes = bytes)
    }

    /// While it is being built nobody shares it.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            change(&mut shared.settings);
        }
        self
    }

    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let now = Instant::now();
        let mut state = self.0.lock();
        let age = state.keys.as_ref().map(|(_, fetched)| now.saturating_duration_since(*fetched));
        let found = state.keys.as_ref().map(|(keys, _)| keys.find(kid, algorithm));
        match found {
            // A key that is known and used otherwise will not be another one tomorrow.
            Some(found @ (Ok(_) | Err(NotFound::OtherAlgorithm))) => {
                if age.is_some_and(|age| age >= self.0.settings.max_age) {
                    self.refresh(&mut state, now);
                }
                Found::Now(found.map_err(TokenError::from))
            }
            Some(Err(missing @ (NotFound::Unknown | NotFound::Unnamed))) => match self.refresh(&mut state, now) {
                Some(fetching) => self.later(fetching, kid, algorithm),
                None => Found::Now(Err(missing.into())),
            },
            None => match self.refresh(&mut state, now) {
                Some(fetching) => self.later(fetching, kid, algorithm),
                None => Found::Now(Err(TokenError::Unavailable)),
            },
        }
    }

    /// Joins the fetch that is under way, or begins one. `None` if it is too early for another.
    fn refresh(&self, state: &mut State, now: Instant) -> Option<watch::Receiver<()>> {
        // A runtime that shuts down drops tasks that never ran: only the sender's end says that a fetch is over.
        if let Some(fetching) = state.fetching.as_ref().filter(|fetching| fetching.has_changed().is_ok()) {
            return Some(fetching.clone());
        }
        // Without any key there is more to gain: every second.
        let interval = match state.keys {
            Some(_) => self.0.settings.min_interval,
            None => self.0.settings.min_interval.min(Duration::from_secs(1)),
        };
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
        let Settings { patience, max_bytes, .. } = self.0.settings;
        let fetched = timeout(patience, self.0.fetch.fetch(max_bytes)).await.unwrap_or(Err(FetchError::Timeout));
        let read = |json: Vec<u8>| {
            if json.len() > max_bytes {
                return Err(FetchError::TooBig);
            }
            set::read(&json).ok_or(FetchError::Unreadable)
        };
        match fetched.and_then(read) {
            Ok(keys) => self.0.lock().keys = Some((Arc::new(keys), Instant::now())),
            Err(error) => report(&error),
        }
    }

    fn later(&self, mut fetching: watch::Receiver<()>, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let (shared, kid) = (self.0.clone(), kid.map(str::to_owned));
        Found::Later(Box::pin(async move {
            // Its sender is dropped when it has ended.
            let _ended = fetching.changed().await;
            let keys = shared.lock().keys.as_ref().map(|(keys, _)| keys.clone());
            Ok(keys.ok_or(TokenError::Unavailable)?.find(kid.as_deref(), algorithm)?)
        }))
    }
}

fn report(error: &FetchError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "portcullis", %error, "the keys of a token issuer could not be fetched");
    let _ = error;
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
