//! Signs users in: a token for a minute, without a password. This is an example of what happens to tokens, not of
//! passwords.

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

/// The longest that a token lives, in seconds.
const LONGEST: u64 = 60;

/// What a token says.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    /// The name, unique as far as this server is concerned.
    pub(crate) sub: Name,
}

/// Signs and verifies tokens, with a secret that is new with each start of the server.
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
    /// A new secret.
    pub(crate) fn new() -> Result<Self> {
        // Where other crates switch both providers on, jsonwebtoken wants to be told; only the first call counts.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self { secret: Arc::new(secret) })
    }

    /// Accepts what this server has issued. One machine has one clock: no leeway.
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
    /// How long the token is to live; a minute where nothing is said.
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
