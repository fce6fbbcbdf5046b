//! Tokens signed with a secret of this server. Yours come from your identity provider: see the example `oidc`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, crypto::rust_crypto, errors::Error};
use portcullis::jwt::{Verifier, verifier::BuildError};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "graphql";

/// The claims of a token.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) sub: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a str,
    exp: u64,
}

/// Signs and verifies.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it is a secret")]
pub struct Tokens(Vec<u8>);

impl Tokens {
    /// Signs tokens with a secret, of 32 bytes or more.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        // If other crates enable both providers, jsonwebtoken needs an explicit one; only the first call has an effect.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        Self(secret.into())
    }

    pub(crate) fn verifier(&self) -> Result<Verifier, BuildError> {
        Verifier::hs256(&self.0).issuer(ISSUER).audience(AUDIENCE).leeway(Duration::ZERO).build()
    }

    /// Issues a token for a user, valid for `seconds`.
    ///
    /// # Errors
    ///
    /// If it cannot be signed.
    pub fn issue(&self, sub: &str, seconds: u64) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims { iss: ISSUER, aud: AUDIENCE, sub, exp: now + seconds };
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&self.0))
    }
}
