//! What a verifier requires of tokens, all of it checked when it is built.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use jsonwebtoken::Algorithm;

use super::{
    claims::Rules,
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
/// `exp`, `iss` and `aud` are required, `nbf` is checked where there is one, clocks may differ by 30 s, and a token has
/// at most 8 KiB.
#[must_use]
pub struct Builder {
    source: Result<Source, KeyError>,
    issuers: BTreeSet<String>,
    any_issuer: bool,
    audiences: BTreeSet<String>,
    any_audience: bool,
    without_expiry: bool,
    leeway: Duration,
    required: BTreeSet<String>,
    scopes: BTreeSet<String>,
    max_len: usize,
    clock: Clock,
}

/// Why a verifier cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A key is not taken.
    Key(KeyError),
    /// There is no key.
    NoKey,
    /// No issuer was named.
    NoIssuer,
    /// No audience was named.
    NoAudience,
    /// Nobody can compute signatures.
    NoProvider,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::NoKey => f.write_str("a verifier needs a key"),
            Self::NoIssuer => f.write_str("name the `issuer` whose tokens are accepted, or say `any_issuer`"),
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
    /// Tokens signed with a shared secret of at least 32 bytes (RFC 7518, section 3.2).
    pub fn hs256(secret: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::hmac(Algorithm::HS256, secret.as_ref()))
    }

    /// Tokens signed with the private key of which this is the public one, in PEM.
    pub fn rs256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::RS256, pem.as_ref()))
    }

    /// Tokens signed with the private key of which this is the public one, in PEM.
    pub fn es256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::ES256, pem.as_ref()))
    }

    /// Tokens signed with the private Ed25519 key of which this is the public one, in PEM.
    pub fn eddsa(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::EdDSA, pem.as_ref()))
    }

    /// Tokens signed with one key of any algorithm.
    pub fn key(key: Key) -> Builder {
        Builder::of(Ok(key))
    }

    /// Tokens signed with one of several keys, named by `kid`, which can be replaced while the server runs.
    pub fn keys(keys: Keys) -> Builder {
        Builder::from(Source::Keys(keys))
    }

    /// Tokens signed with a key that their issuer publishes.
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
            issuers: BTreeSet::new(),
            any_issuer: false,
            audiences: BTreeSet::new(),
            any_audience: false,
            without_expiry: false,
            leeway: Duration::from_secs(30),
            required: BTreeSet::new(),
            scopes: BTreeSet::new(),
            max_len: MAX_TOKEN,
            clock: Box::new(SystemTime::now),
        }
    }

    /// An issuer (`iss`) whose tokens are accepted. May be said of several names of one issuer: every key of this
    /// verifier is trusted for each of them, so that issuers that do not trust each other need a verifier each.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.insert(issuer.into());
        self
    }

    /// Accepts any issuer's tokens, and tokens without one: whoever holds the key is trusted for all it signs.
    pub fn any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// An audience (`aud`) that a token may be for; may be said of several.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.insert(audience.into());
        self
    }

    /// Accepts tokens that were issued for others.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Accepts tokens that never expire.
    pub fn without_expiry(mut self) -> Self {
        self.without_expiry = true;
        self
    }

    /// How much clocks may differ. 30 s by default.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// A claim without which a valid token is not enough: 403.
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        self.required.insert(name.into());
        self
    }

    /// A scope (`scope`, or `scp`) without which a valid token is not enough: 403.
    pub fn require_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// The longest token that is looked at, in bytes. 8 KiB by default.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// The clock, for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// See [`BuildError`]: everything that would otherwise fail at the first token.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let source = self.source.map_err(BuildError::Key)?;
        if matches!(&source, Source::Keys(keys) if keys.is_empty()) {
            return Err(BuildError::NoKey);
        }
        if self.issuers.is_empty() && !self.any_issuer {
            return Err(BuildError::NoIssuer);
        }
        if self.audiences.is_empty() && !self.any_audience {
            return Err(BuildError::NoAudience);
        }
        provider().ok_or(BuildError::NoProvider)?;
        let rules = Rules {
            issuers: (!self.any_issuer).then_some(self.issuers),
            audiences: (!self.any_audience).then_some(self.audiences),
            expiry: !self.without_expiry,
            leeway: self.leeway,
            required: self.required,
            scopes: self.scopes,
        };
        Ok(Verifier::new(source, rules, self.max_len, self.clock))
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
