//! Signs users in: a token for a minute, without a password. This is an example about tokens, not about passwords.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
    routing::post,
};
use jsonwebtoken::{EncodingKey, Header, crypto::rust_crypto};
use portcullis::jwt::{Verifier, verifier::BuildError};
use serde::{Deserialize, Serialize};

use crate::{Result, name::Name};

const ISSUER: &str = "https://chat.example";
const AUDIENCE: &str = "chat";

/// The maximum lifetime of a token, in seconds.
const LONGEST: u64 = 60;

/// The claims of a token.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    /// The name, which identifies the user on this server.
    pub(crate) sub: Name,
}

/// Signs and verifies tokens, with a new secret for each start of the server.
#[derive(Clone)]
pub(crate) struct Tokens {
    secret: Arc<[u8; 32]>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a Name,
    exp: u64,
}

impl Tokens {
    /// Generates a secret.
    pub(crate) fn new() -> Result<Self> {
        // If other crates enable both providers, jsonwebtoken needs an explicit one; only the first call has an effect.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self { secret: Arc::new(secret) })
    }

    /// Accepts tokens that this server has issued, without leeway: there is only one clock.
    pub(crate) fn verifier(&self) -> Result<Verifier, BuildError> {
        Verifier::hs256(*self.secret).issuer(ISSUER).audience(AUDIENCE).leeway(Duration::ZERO).build()
    }

    fn issue(&self, sub: &Name, seconds: u64) -> jsonwebtoken::errors::Result<String> {
        let exp = now() + seconds;
        let claims = Claims { iss: ISSUER, aud: AUDIENCE, sub, exp };
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&*self.secret))
    }
}

/// `POST /session`.
pub(crate) fn routes(tokens: Tokens) -> Router {
    Router::new().route("/session", post(sign_in)).layer(DefaultBodyLimit::max(1024)).with_state(tokens)
}

#[derive(Deserialize)]
struct SignIn {
    name: Name,
    /// The lifetime of the token; a minute by default.
    #[serde(default = "longest")]
    seconds: u64,
}

fn longest() -> u64 {
    LONGEST
}

#[derive(Serialize)]
struct Issued {
    token: String,
    seconds: u64,
}

async fn sign_in(State(tokens): State<Tokens>, Json(SignIn { name, seconds }): Json<SignIn>) -> impl IntoResponse {
    let seconds = seconds.clamp(1, LONGEST);
    let token = tokens.issue(&name, seconds).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok::<_, StatusCode>(([(CACHE_CONTROL, "no-store")], Json(Issued { token, seconds })))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
