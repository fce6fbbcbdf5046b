//! The builder of a verifier: what it requires of tokens beyond whose they are.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

use super::{
    claims::SubjectOf,
    issuers::Said,
    verify::{Clock, Source},
};
use crate::{
    keys::{Key, KeyError, Keys},
    verify::MAX_TOKEN,
};

/// Builds a [`Verifier`](super::Verifier).
///
/// # Defaults
///
/// `exp`, `iss` and `aud` are required, `nbf` is checked if present, clocks may differ by 30 s, and a token has at most
/// 8 KiB. The subject is `sub`; an empty one counts as none. The issuer decides how long a token is valid, and a token
/// with `iat` in the future is accepted; both are logged once if they are implausible.
///
/// The order of settings does not matter: they are combined when the verifier is built.
///
/// ```
/// # #[cfg(feature = "rust_crypto")] {
/// use std::time::{Duration, UNIX_EPOCH};
/// use portcullis_jwt::{TokenError, Verifier, Verify};
/// use serde_json::{Value, json};
///
/// let builder = Verifier::hs256([7; 32]).issuer("https://id.example.com").audience("chat");
/// let verifier = builder.clock(|| UNIX_EPOCH + Duration::from_secs(1_000)).build().unwrap(); // for this example
///
/// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
/// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
/// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
/// let id = "https://id.example.com";
/// for (claims, expected) in [
///     (json!({"iss": id, "aud": "chat", "exp": 2000}), None),
///     (json!({"iss": id, "aud": ["mail", "chat"], "exp": 2000}), None), // one of several audiences
///     (json!({"iss": id, "aud": "mail", "exp": 2000}), Some(TokenError::Invalid("audience"))),
///     (json!({"iss": "https://id.example.com/", "aud": "chat", "exp": 2000}), Some(TokenError::Invalid("issuer"))),
///     (json!({"iss": id, "aud": "chat"}), Some(TokenError::Invalid("no expiry"))),
///     (json!({"iss": id, "aud": "chat", "exp": 960}), Some(TokenError::Expired)),
///     (json!({"iss": id, "aud": "chat", "exp": 2000, "nbf": 1100}), Some(TokenError::NotYetValid)),
/// ] {
///     let verified = Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap();
///     assert_eq!(verified.err(), expected, "{claims}");
/// }
/// # }
/// ```
#[must_use]
pub struct Builder {
    pub(super) source: Result<Source, KeyError>,
    pub(super) issuers: Said,
    pub(super) audiences: BTreeSet<String>,
    pub(super) any_audience: bool,
    pub(super) without_expiry: bool,
    pub(super) types: BTreeSet<String>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) max_ahead: Option<Duration>,
    pub(super) leeway: Duration,
    pub(super) subject: SubjectOf,
    pub(super) required: BTreeSet<String>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) max_bytes: usize,
    pub(super) clock: Clock,
}

impl Builder {
    pub(super) fn of(key: Result<Key, KeyError>) -> Self {
        Self::new(key.map(|key| Source::Keys(Keys::only(key))))
    }

    pub(super) fn from(source: Source) -> Self {
        Self::new(Ok(source))
    }

    fn new(source: Result<Source, KeyError>) -> Self {
        Self {
            source,
            issuers: Said::default(),
            audiences: BTreeSet::new(),
            any_audience: false,
            without_expiry: false,
            types: BTreeSet::new(),
            max_lifetime: None,
            max_ahead: None,
            subject: SubjectOf::default(),
            leeway: Duration::from_secs(30),
            required: BTreeSet::new(),
            scopes: BTreeSet::new(),
            max_bytes: MAX_TOKEN,
            clock: Box::new(SystemTime::now),
        }
    }

    /// Accepts tokens that never expire.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().without_expiry();
    /// let verifier = builder.clock(|| UNIX_EPOCH + Duration::from_secs(1_000)).build().unwrap();
    /// let verify = |claims| Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap();
    /// assert_eq!(verify(json!({"sub": "alice"})).unwrap().expires_at, None);
    /// // A token that does expire is still held to it.
    /// assert_eq!(verify(json!({"sub": "alice", "exp": 900})).unwrap_err(), TokenError::Expired);
    /// # }
    /// ```
    pub fn without_expiry(mut self) -> Self {
        self.without_expiry = true;
        self
    }

    /// Requires a type (`typ`), such as `at+jwt` for access tokens (RFC 9068, section 4). If it is called several
    /// times, a token must have one of these types. They are compared as media types: case does not matter, and
    /// `application/` may be left out.
    ///
    /// By default a token's type may be `JWT`, `at+jwt` or `JOSE`, or absent.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use jsonwebtoken::Header;
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |typ: &str| {
    /// #     let header = Header { typ: Some(typ.to_owned()), ..Header::default() };
    /// #     jsonwebtoken::encode(&header, &json!({"sub": "alice"}), &key).unwrap()
    /// # };
    /// let builder = || Verifier::hs256([7; 32]).any_issuer().any_audience().without_expiry();
    /// let access_tokens = builder().token_type("at+jwt").build().unwrap();
    /// let any_of_three = builder().build().unwrap();
    /// for (typ, by_default, required) in [
    ///     ("at+jwt", true, true),
    ///     ("application/AT+JWT", true, true),
    ///     ("JWT", true, false), // as of an ID token, which tells a client who has signed in
    ///     ("logout+jwt", false, false),
    /// ] {
    ///     let accepts = |verifier| Verify::<Value>::verify(verifier, &sign(typ)).at_once().unwrap().is_ok();
    ///     assert_eq!((accepts(&any_of_three), accepts(&access_tokens)), (by_default, required), "{typ}");
    /// }
    /// # }
    /// ```
    pub fn token_type(mut self, typ: impl Into<String>) -> Self {
        self.types.insert(typ.into());
        self
    }

    /// Limits how long a token is valid after it was issued (`iat`), whatever its `exp`. The leeway is added, as it is
    /// to `exp`. Without a limit, an issuer that writes `exp` in milliseconds creates sessions that never end.
    ///
    /// If a token has no `iat`, or one in the future, the time counts from its verification, so it can be used again
    /// later. [`require_claim("iat")`](Self::require_claim) and [`refuse_future_iat`](Self::refuse_future_iat) refuse
    /// such tokens.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let seconds = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().leeway(Duration::ZERO);
    /// let verifier = builder.max_lifetime(Duration::from_secs(3600)).clock(move || seconds(10_000)).build().unwrap();
    /// let ends = |claims| {
    ///     let verified = Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap();
    ///     verified.map(|verified| verified.expires_at)
    /// };
    /// assert_eq!(ends(json!({"iat": 9_000, "exp": 11_000})), Ok(Some(seconds(11_000))));
    /// assert_eq!(ends(json!({"iat": 9_000, "exp": 11_000_000})), Ok(Some(seconds(12_600))), "milliseconds");
    /// assert_eq!(ends(json!({"iat": 5_000, "exp": 11_000_000})), Err(TokenError::Expired));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a lifetime of zero accepts no token");
        self.max_lifetime = Some(time);
        self
    }

    /// Refuses tokens whose `iat` is further in the future than `leeway`. By default they are accepted and a warning is
    /// logged once, because refusing them fails if an issuer's clock is a little ahead.
    ///
    /// [`Revocations::revoke_subject`](crate::Revocations::revoke_subject) does not revoke such a token.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().refuse_future_iat(Duration::from_secs(60));
    /// let verifier = builder.clock(|| UNIX_EPOCH + Duration::from_secs(1_000)).build().unwrap();
    /// let accepts = |iat: u64| {
    ///     let token = sign(&json!({"iat": iat, "exp": 5_000}));
    ///     Verify::<Value>::verify(&verifier, &token).at_once().unwrap().is_ok()
    /// };
    /// assert!(accepts(1_060), "an issuer's clock may be a minute ahead");
    /// assert!(!accepts(1_061));
    /// # }
    /// ```
    pub fn refuse_future_iat(mut self, leeway: Duration) -> Self {
        self.max_ahead = Some(leeway);
        self
    }

    /// Sets by how much the clocks of issuer and server may differ, 30 s by default.
    ///
    /// It is added to `exp` and subtracted from `nbf`. A session that the token opens ends that much later as well.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let seconds = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience();
    /// let verifier = builder.clock(move || seconds(1_000)).build().unwrap();
    /// let verify = |claims| Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap();
    /// assert_eq!(verify(json!({"exp": 971})).unwrap().expires_at, Some(seconds(1_001)));
    /// assert_eq!(verify(json!({"exp": 970})).unwrap_err(), TokenError::Expired);
    /// assert!(verify(json!({"exp": 2_000, "nbf": 1_030})).is_ok());
    /// assert_eq!(verify(json!({"exp": 2_000, "nbf": 1_031})).unwrap_err(), TokenError::NotYetValid);
    /// # }
    /// ```
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires a claim. A valid token without it is refused with 403.
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        self.required.insert(name.into());
        self
    }

    /// Requires a scope (`scope`, or `scp`). A valid token without it is refused with 403.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use portcullis_jwt::{TokenError, Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().without_expiry();
    /// let verifier = builder.require_scope("chat:write").require_claim("sub").build().unwrap();
    /// for (claims, accepted) in [
    ///     (json!({"sub": "alice", "scope": "chat:read chat:write"}), true), // RFC 8693, section 4.2
    ///     (json!({"sub": "alice", "scp": ["chat:write"]}), true),           // as Entra ID and Okta spell it
    ///     (json!({"sub": "alice", "scope": "chat:writer"}), false),
    ///     (json!({"sub": "alice"}), false),
    ///     (json!({"scope": "chat:write"}), false), // no `sub`
    /// ] {
    ///     match Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap() {
    ///         Ok(_) => assert!(accepted, "{claims}"),
    ///         Err(error) => {
    ///             assert!(!accepted && matches!(error, TokenError::Forbidden(_)), "{claims}: {error}");
    ///             assert_eq!(error.refusal().status(), 403);
    ///         }
    ///     }
    /// }
    /// # }
    /// ```
    pub fn require_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// Sets the maximum size of a token in bytes, 8 KiB by default.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a token has at least one byte");
        self.max_bytes = bytes;
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("issuers", &self.issuers)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
