//! Tokens and their verifier.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use portcullis::jwt::Verifier;
use serde_json::json;

use crate::Result;

const SECRET: &[u8; 32] = b"a secret of the pages, 32 bytes.";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "pages";

/// The subject of the tokens.
pub const SUBJECT: &str = "alice";

/// A token that expires in `seconds`, or has already expired if that is negative.
///
/// # Errors
///
/// If the clock is before 1970, or the token cannot be signed.
pub fn expiring(seconds: i64) -> Result<String> {
    // With several providers in the build, jsonwebtoken needs an explicit one. Only the first call has an effect.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": now.saturating_add_signed(seconds)});
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET))?)
}

pub(crate) fn verifier() -> Result<Verifier> {
    Ok(Verifier::hs256(SECRET).issuer(ISSUER).audience(AUDIENCE).leeway(Duration::ZERO).build()?)
}
