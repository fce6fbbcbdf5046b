//! Tokens with a secret of this server's. Yours come from whoever signs your users in: see the example `oidc`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, crypto::rust_crypto, errors::Error};
use portcullis::jwt::{Verifier, verifier::BuildError};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "graphql";

/// What a token says.
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
    /// Tokens that are signed with a secret of 32 bytes or more.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        // Where other crates switch both providers on, jsonwebtoken wants to be told; only the first call counts.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        Self(secret.into())
    }

    pub(crate) fn verifier(&self) -> Result<Verifier, BuildError> {
        Verifier::hs256(&self.0).issuer(ISSUER).audience(AUDIENCE).leeway(Duration::ZERO).build()
    }

    /// A token for a user, that is good for so many seconds.
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
