//! Verification of signed tokens (RFC 7515, RFC 7519).
//!
//! What costs little comes first: length, shape, header, algorithm and key; then the signature; then the claims.

mod builder;
mod claims;
mod header;
mod json;

use std::{fmt, sync::Arc, time::SystemTime};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;

pub use self::builder::{BuildError, Builder};
use self::{claims::Rules, header::Header};
#[cfg(feature = "jwks")]
use crate::jwks::{Found, Jwks};
pub use crate::keys::{Key, KeyError, Keys};
use crate::{
    error::TokenError,
    verify::{Verification, Verified, Verify},
};

/// The longest token that is looked at, in bytes, unless the builder says otherwise.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;

/// Verifies signed tokens with keys of one's own, or with those that an issuer publishes.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    source: Source,
    rules: Rules,
    max_len: usize,
    clock: Clock,
}

/// Where keys come from.
pub(crate) enum Source {
    Keys(Keys),
    #[cfg(feature = "jwks")]
    Jwks(Jwks),
}

type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// A token's three parts, and what its header says.
struct Parts<'a> {
    message: &'a [u8],
    payload: &'a str,
    signature: &'a str,
    header: Header<'a>,
}

impl Inner {
    fn parts<'a>(&self, token: &'a str, head: &'a mut Vec<u8>) -> Result<Parts<'a>, TokenError> {
        if token.len() > self.max_len {
            return Err(TokenError::Invalid("too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid("not three parts"))?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid("not three parts"))?;
        if payload.contains('.') {
            return Err(TokenError::Invalid("not three parts"));
        }
        *head = decode(header)?;
        Ok(Parts { message: message.as_bytes(), payload, signature, header: Header::read(head)? })
    }

    fn judge<T: DeserializeOwned>(&self, parts: &Parts<'_>, key: &Key) -> Result<Verified<T>, TokenError> {
        key.check(parts.header.algorithm, parts.message, &decode(parts.signature)?)?;
        let payload = decode(parts.payload)?;
        self.rules.admit(&payload, (self.clock)())
    }
}

/// Strict: no padding, no other alphabet, no stray bits (RFC 7515, section 2).
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Invalid("not base64url"))
}

impl<T: DeserializeOwned + Send + 'static> Verify<T> for Verifier {
    fn verify(&self, token: &str) -> Verification<T> {
        let mut head = Vec::new();
        let parts = match self.0.parts(token, &mut head) {
            Ok(parts) => parts,
            Err(error) => return Verification::ready(Err(error)),
        };
        match &self.0.source {
            Source::Keys(keys) => {
                let key = keys.find(parts.header.kid.as_deref(), parts.header.algorithm);
                Verification::ready(key.and_then(|key| self.0.judge(&parts, &key)))
            }
            #[cfg(feature = "jwks")]
            Source::Jwks(jwks) => match jwks.find(parts.header.kid.as_deref(), parts.header.algorithm) {
                Found::Now(key) => Verification::ready(key.and_then(|key| self.0.judge(&parts, &key))),
                Found::Later(asked) => {
                    let (inner, token) = (self.0.clone(), token.to_owned());
                    Verification::wait(async move {
                        let key = asked.await?;
                        let mut head = Vec::new();
                        inner.judge(&inner.parts(&token, &mut head)?, &key)
                    })
                }
            },
        }
    }

    fn max_len(&self) -> usize {
        self.0.max_len
    }

    fn now(&self) -> SystemTime {
        (self.0.clock)()
    }
}

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

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("rules", &self.0.rules).finish_non_exhaustive()
    }
}
