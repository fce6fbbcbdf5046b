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

/// The keys that one issuer publishes. Clones share the keys and the fetches; each clone has its own settings.
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
/// one. A fetch leaves its set here before it says that it has ended, and so a task that waits for it finds what it
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
    /// Creates a set of keys that `fetch` brings. Nothing is fetched before a token needs a key.
    ///
    /// # Defaults
    ///
    /// At least 30 s between fetches for unknown keys, fetched anew in the background every 10 min, kept for 24 h if
    /// that fails, 5 s for a fetch, 256 KiB for a set.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use serde_json::{Value, json};
    /// use portcullis_jwt::{TokenError, Verifier, Verify, jwks::{Fetch, FetchError, FetchFuture, Jwks}};
    ///
    /// /// Fetches with a client of your own. Here, what would come over the network is known.
    /// struct Published(&'static str);
    ///
    /// impl Fetch for Published {
    ///     fn fetch(&self, max_bytes: usize) -> FetchFuture<'_> {
    ///         Box::pin(async move {
    ///             if self.0.len() > max_bytes { Err(FetchError::TooBig) } else { Ok(self.0.into()) }
    ///         })
    ///     }
    /// }
    ///
    /// let verifier = |keys| Verifier::jwks(Jwks::new(Published(keys))).any_issuer().any_audience().without_expiry();
    /// let keys = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "use": "sig",
    ///                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#; // RFC 8037, appendix A.2
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    /// #            -----END PRIVATE KEY-----";
    /// # let sign = |kid: &str| {
    /// #     let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    /// #     header.kid = Some(kid.to_owned());
    /// #     let key = jsonwebtoken::EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
    /// #     jsonwebtoken::encode(&header, &json!({"sub": "alice"}), &key).unwrap()
    /// # };
    /// let issuer = verifier(keys).build().unwrap();
    /// assert!(Verify::<Value>::verify(&issuer, &sign("1")).await.is_ok());
    /// assert!(matches!(Verify::<Value>::verify(&issuer, &sign("2")).await, Err(TokenError::Invalid(_))));
    ///
    /// // What cannot be read is no set: tokens cannot be judged, which is a 503 and not the client's fault.
    /// let broken = verifier("<html>").build().unwrap();
    /// assert_eq!(Verify::<Value>::verify(&broken, &sign("1")).await.unwrap_err(), TokenError::Unavailable);
    /// # }
    /// # #[cfg(not(feature = "rust_crypto"))] fn main() {}
    /// ```
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

    /// Sets the shortest time between two fetches that tokens with unknown keys cause, 30 s by default. Until then such
    /// a token is refused with 401 without a fetch. As long as there are no keys at all, a fetch is tried every second.
    ///
    /// # Panics
    ///
    /// If `interval` is zero: any client could make this server flood the issuer.
    #[track_caller]
    pub fn min_interval(mut self, interval: Duration) -> Self {
        assert!(!interval.is_zero(), "an interval of zero lets clients flood the issuer");
        self.settings.min_interval = interval;
        self
    }

    /// Sets how old keys may be before they are fetched anew in the background, 10 min by default. Tokens are verified
    /// with the keys that are there meanwhile.
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

    /// Sets how old keys may become while they cannot be fetched anew, 24 h by default. Then they are dropped, and
    /// tokens cannot be judged: 503. Otherwise an attacker who keeps this server from reaching the issuer could use a
    /// stolen key for ever that the issuer has withdrawn.
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

    /// Sets how long a fetch may take, 5 s by default.
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

    /// Sets the maximum size of a set of keys in bytes, 256 KiB by default.
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
        // One lock for the look and the decision to fetch: of all handshakes that miss the same key, one begins the
        // fetch, and the others wait for its end.
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
        // When it begins, not when it ends: an issuer that fails slowly is asked no more often than one that answers at
        // once.
        state.attempted = Some(now);
        state.fetching = Some(fetching.clone());
        runtime.spawn(self.clone().fetch(ended));
        Some(fetching)
    }

    async fn fetch(self, _ended: watch::Sender<()>) {
        // `_ended` is dropped on every path, also if the application's `Fetch` panics or the runtime shuts down. That
        // alone wakes those that wait.
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
            // The set that this fetch brought, or the one before it if the fetch failed and that may still be used.
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
