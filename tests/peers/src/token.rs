//! Tokens that all servers take, and one that none should.

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

/// With more than one provider in the build, jsonwebtoken wants to be told.
pub(crate) fn install() {
    // Only the first call of a process counts.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}

/// A token that expires in so many seconds, or has so long ago.
pub(crate) fn token(seconds: i64) -> Result<String> {
    install();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let exp = now.saturating_add_signed(seconds);
    let claims = json!({"iss": ISSUER, "aud": "chat", "sub": "alice", "iat": now.min(exp), "exp": exp});
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET))?)
}

/// The same in a file, as `siege audit` takes it.
pub(crate) fn file(folder: &Path, name: &str, seconds: i64) -> Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, token(seconds)?)?;
    Ok(file)
}
