//! The builder of a verifier: what it requires of tokens. Everything is checked when it is built.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{
    claims::{Notices, Rules, SubjectOf},
    header::Types,
    issuers::Said,
    verify::{Clock, Source, Verifier},
};
#[cfg(feature = "jwks")]
use crate::jwks::Jwks;
use crate::{
    keys::{Key, KeyError, Keys, provider},
    verify::MAX_TOKEN,
};

/// Builds a [`Verifier`].
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
    source: Result<Source, KeyError>,
    issuers: Said,
    audiences: BTreeSet<String>,
    any_audience: bool,
    without_expiry: bool,
    types: BTreeSet<String>,
    max_lifetime: Option<Duration>,
    max_ahead: Option<Duration>,
    leeway: Duration,
    subject: SubjectOf,
    required: BTreeSet<String>,
    scopes: BTreeSet<String>,
    max_bytes: usize,
    clock: Clock,
}

/// The error for a verifier that cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A key is not accepted.
    Key(KeyError),
    /// There is no key.
    NoKey,
    /// Two settings contradict each other.
    Contradiction(&'static str),
    /// The text passed to this setting is empty.
    Empty(&'static str),
    /// A scope contains white space, which separates scopes.
    SpaceInScope,
    /// No issuer was set.
    NoIssuer,
    /// An alias belongs to an issuer that was not set, or to two, or is itself the name of an issuer.
    Alias,
    /// The keys were discovered for an issuer that was not set.
    OtherIssuer,
    /// The keys belong to many tenants, but no tenants were set, or any issuer is accepted.
    NoTenants,
    /// This is not the identifier of a tenant.
    Tenant,
    /// Tenants were set, but the keys do not belong to many tenants.
    NoPattern,
    /// No audience was set.
    NoAudience,
    /// No provider of signatures is available.
    NoProvider,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::NoKey => f.write_str("a verifier needs a key"),
            Self::Contradiction(settings) => write!(f, "say {settings}, not both"),
            Self::Empty(setting) => write!(f, "the text given to `{setting}` is empty"),
            Self::SpaceInScope => f.write_str("a scope has white space: say `require_scope` for each scope"),
            Self::NoIssuer => f.write_str("name the `issuer` whose tokens are accepted, or say `any_issuer`"),
            Self::Alias => f.write_str("an `issuer_alias` is another spelling of one `issuer`, which is named, too"),
            Self::OtherIssuer => f.write_str("the keys were discovered for another `issuer` than those that are named"),
            Self::NoTenants => f.write_str(
                "keys of many tenants, of which anybody can have one: name those whose tokens are accepted (`tenants`)",
            ),
            Self::Tenant => f.write_str(
                "a tenant is named by its identifier, such as 8eaef023-2b34-4da1-9baa-8bc8c9d6a490: no token has another \
                 name of it",
            ),
            Self::NoPattern => f.write_str("`tenants` are those of keys discovered for an issuer with `{tenantid}`"),
            Self::NoAudience => f.write_str("name the `audience` that tokens must be for, or say `any_audience`"),
            Self::NoProvider => {
                f.write_str("no provider of signatures: enable feature `rust_crypto` or `aws_lc_rs` of portcullis-jwt")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            _ => None,
        }
    }
}

// Each begins a builder, and so stands with it.
impl Verifier {
    /// Accepts tokens signed with HS256 and a shared secret of at least 32 bytes (RFC 7518, section 3.2).
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, verifier::BuildError};
    ///
    /// let build = |secret: &[u8]| Verifier::hs256(secret).issuer("https://id.example.com").audience("chat").build();
    /// assert!(build(&[7; 32]).is_ok()); // take 32 bytes of a random source
    /// assert!(matches!(build(b"correct horse battery staple"), Err(BuildError::Key(_))), "28 bytes");
    /// # }
    /// ```
    pub fn hs256(secret: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::hmac(Algorithm::HS256, secret.as_ref()))
    }

    /// Accepts tokens signed with RS256, given the public key in PEM.
    pub fn rs256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::RS256, pem.as_ref()))
    }

    /// Accepts tokens signed with ES256, given the public key in PEM.
    pub fn es256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::ES256, pem.as_ref()))
    }

    /// Accepts tokens signed with Ed25519, given the public key in PEM.
    pub fn eddsa(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::EdDSA, pem.as_ref()))
    }

    /// Accepts tokens signed with one key of any algorithm.
    pub fn key(key: Key) -> Builder {
        Builder::of(Ok(key))
    }

    /// Accepts tokens signed with one of several keys, selected by `kid`, which can be replaced while the server runs.
    pub fn keys(keys: Keys) -> Builder {
        Builder::from(Source::Keys(keys))
    }

    /// Accepts tokens signed with a key that their issuer publishes.
    #[cfg(feature = "jwks")]
    pub fn jwks(jwks: Jwks) -> Builder {
        Builder::from(Source::Jwks(jwks))
    }
}

impl Builder {
    fn of(key: Result<Key, KeyError>) -> Self {
        Self::new(key.map(|key| Source::Keys(Keys::only(key))))
    }

    fn from(source: Source) -> Self {
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

    /// Accepts tokens from an issuer (`iss`). May be called several times.
    ///
    /// Every key of this verifier is trusted for each of its issuers, so issuers that do not trust each other need a
    /// verifier each, combined by [`Verifiers`](crate::Verifiers). For another spelling of an issuer, use
    /// [`issuer_alias`](Self::issuer_alias).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.names.insert(issuer.into());
        self
    }

    /// Accepts another spelling of an issuer: tokens with `alias` count as tokens of `issuer`, which has to be set as
    /// well. This matters with [`Verifiers`](crate::Verifiers), where the issuer's name is part of a subject.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, Verifiers, Verify};
    /// use serde_json::{Value, json};
    ///
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let google = Verifier::hs256([7; 32]) // in truth, its published keys
    ///     .issuer("https://accounts.google.com")
    ///     .issuer_alias("accounts.google.com", "https://accounts.google.com")
    ///     .audience("chat");
    /// let verifiers = Verifiers::new([google.build().unwrap()]).unwrap();
    /// let subject = |iss: &str| {
    ///     let token = sign(&json!({"iss": iss, "sub": "alice", "aud": "chat", "exp": 4102444800_u64}));
    ///     Verify::<Value>::verify(&verifiers, &token).at_once().unwrap().ok().and_then(|verified| verified.subject)
    /// };
    /// assert!(subject("accounts.google.com").is_some());
    /// assert_eq!(subject("accounts.google.com"), subject("https://accounts.google.com"), "one user");
    /// assert_eq!(subject("accounts.google.com."), None);
    /// # }
    /// ```
    pub fn issuer_alias(mut self, alias: impl Into<String>, issuer: impl Into<String>) -> Self {
        self.issuers.aliases.insert((alias.into(), issuer.into()));
        self
    }

    /// Accepts tokens of these tenants, if the keys were discovered for an issuer with `{tenantid}`. Anyone can create
    /// a tenant, so such a verifier cannot be built without this list.
    #[cfg(feature = "jwks")]
    pub fn tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.issuers.tenants.extend(tenants.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens of any issuer, and tokens without one: everything signed with the key is trusted.
    pub fn any_issuer(mut self) -> Self {
        self.issuers.any = true;
        self
    }

    /// Accepts tokens for an audience (`aud`). May be called several times; a token needs one of them.
    ///
    /// An issuer signs tokens for many services. Without a check of the audience, any of these services could use the
    /// token that it was sent to act as its user here.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.insert(audience.into());
        self
    }

    /// Accepts tokens for any audience, also those issued for other services.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
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

    /// Takes the subject from other claims than `sub`: it is what `subject` returns. `None` and an empty text mean that
    /// there is no subject.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use portcullis_jwt::{Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// // Entra ID: the same user has another `sub` for each application.
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().without_expiry();
    /// let of = |claims: &Value| Some(format!("{}/{}", claims["tid"].as_str()?, claims["oid"].as_str()?));
    /// let verifier = builder.subject(of).build().unwrap();
    /// let subject = |claims| {
    ///     let verified = Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap().unwrap();
    ///     verified.subject.map(|subject| subject.as_str().to_owned())
    /// };
    /// assert_eq!(subject(json!({"sub": "x", "tid": "contoso", "oid": "7"})).as_deref(), Some("contoso/7"));
    /// assert_eq!(subject(json!({"sub": "x", "tid": "contoso"})), None, "not `sub`");
    /// # }
    /// ```
    pub fn subject(mut self, subject: impl Fn(&Value) -> Option<String> + Send + Sync + 'static) -> Self {
        self.subject = SubjectOf::Claims(Box::new(subject));
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

    /// Builds the verifier.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, verifier::BuildError};
    ///
    /// let builder = || Verifier::hs256([7; 32]);
    /// for (mistake, error) in [
    ///     (builder().audience("chat"), BuildError::NoIssuer),
    ///     (builder().issuer("https://id.example.com"), BuildError::NoAudience),
    ///     (
    ///         builder().any_issuer().audience("chat").any_audience(),
    ///         BuildError::Contradiction("`audience` or `any_audience`"),
    ///     ),
    ///     (builder().any_issuer().audience(""), BuildError::Empty("audience")), // as of an unset variable
    ///     (builder().any_issuer().any_audience().require_scope("read write"), BuildError::SpaceInScope),
    /// ] {
    ///     assert_eq!(mistake.build().unwrap_err(), error);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BuildError`] for every mistake that would otherwise show at the first token.
    #[cfg_attr(not(feature = "jwks"), expect(unused_mut, reason = "keys that are fetched may know their issuer"))]
    pub fn build(mut self) -> Result<Verifier, BuildError> {
        #[cfg(feature = "jwks")]
        {
            let issuer = self.source.as_ref().ok().and_then(Source::issuer);
            self.issuers = std::mem::take(&mut self.issuers).with_keys_of(issuer)?;
        }
        match &self.source {
            Err(error) => return Err(BuildError::Key(*error)),
            Ok(Source::Keys(keys)) if keys.is_empty() => return Err(BuildError::NoKey),
            Ok(_) => {}
        }
        self.make_sense()?;
        provider().ok_or(BuildError::NoProvider)?;
        let source = self.source.map_err(BuildError::Key)?;
        let issuers = self.issuers.resolve();
        let mut types = Types::default();
        self.types.iter().for_each(|typ| types.insert(typ));
        let rules = Rules {
            types,
            issuers,
            audiences: (!self.any_audience).then_some(self.audiences),
            expiry: !self.without_expiry,
            max_lifetime: self.max_lifetime,
            max_ahead: self.max_ahead,
            leeway: self.leeway,
            subject: self.subject,
            required: self.required,
            scopes: self.scopes,
            notices: Notices::default(),
        };
        Ok(Verifier::new(source, rules, self.max_bytes, self.clock))
    }

    fn make_sense(&self) -> Result<(), BuildError> {
        let texts = [
            ("issuer", &self.issuers.names),
            ("audience", &self.audiences),
            ("token_type", &self.types),
            ("require_claim", &self.required),
            ("require_scope", &self.scopes),
        ];
        if let Some((setting, _)) = texts.iter().find(|(_, texts)| texts.contains("")) {
            return Err(BuildError::Empty(setting));
        }
        if self.scopes.iter().any(|scope| scope.contains(|c: char| c.is_ascii_whitespace())) {
            return Err(BuildError::SpaceInScope);
        }
        self.issuers.make_sense()?;
        match (self.audiences.is_empty(), self.any_audience) {
            (true, false) => Err(BuildError::NoAudience),
            (false, true) => Err(BuildError::Contradiction("`audience` or `any_audience`")),
            _ => Ok(()),
        }
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
