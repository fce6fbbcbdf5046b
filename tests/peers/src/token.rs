//! Tokens that all servers accept, and one that none should.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use serde_json::json;

use crate::Result;

pub(crate) const SECRET: &[u8; 32] = b"a secret of the siege, 32 bytes.";
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const OWN: &str = "https://chat.example";

/// With several providers in the build, jsonwebtoken needs an explicit one.
pub(crate) fn install() {
    // Only the first call has an effect.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}

/// A token that expires in `seconds`, or has already expired if that is negative.
pub(crate) fn token(seconds: i64) -> Result<String> {
    install();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let exp = now.saturating_add_signed(seconds);
    let claims = json!({"iss": ISSUER, "aud": "chat", "sub": "alice", "iat": now.min(exp), "exp": exp});
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET))?)
}

/// A token in a file, for `siege audit`.
pub(crate) fn file(folder: &Path, name: &str, seconds: i64) -> Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, token(seconds)?)?;
    Ok(file)
}
