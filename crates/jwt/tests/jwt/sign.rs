//! Tokens for tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use serde_json::{Value, json};

pub(crate) const SECRET: &[u8; 64] = b"a secret of sixty-four bytes, which is enough for any hash here!";

/// The time, as tests have it.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "chat", "sub": "alice", "jti": "7", "iat": NOW - 60, "exp": NOW + 60})
}

/// The test keys' private halves.
pub(crate) fn private(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(SECRET),
        Algorithm::ES256 => EncodingKey::from_ec_pem(include_bytes!("../keys/es256.pem")).unwrap(),
        Algorithm::ES384 => EncodingKey::from_ec_pem(include_bytes!("../keys/es384.pem")).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(include_bytes!("../keys/ed25519.pem")).unwrap(),
        _ => EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa2048.pem")).unwrap(),
    }
}

/// And the public ones.
pub(crate) fn public(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::ES256 => include_bytes!("../keys/es256.pub.pem"),
        Algorithm::ES384 => include_bytes!("../keys/es384.pub.pem"),
        Algorithm::EdDSA => include_bytes!("../keys/ed25519.pub.pem"),
        _ => include_bytes!("../keys/rsa2048.pub.pem"),
    }
}

pub(crate) fn sign(algorithm: Algorithm, claims: &Value) -> String {
    sign_as(&Header::new(algorithm), claims)
}

pub(crate) fn sign_as(header: &Header, claims: &Value) -> String {
    let header_text = serde_json::to_string(header).unwrap();
    sign_text(header.alg, &header_text, &claims.to_string())
}

/// Signs whatever text is given.
pub(crate) fn sign_text(algorithm: Algorithm, header: &str, payload: &str) -> String {
    // With both of jsonwebtoken's providers compiled in, it wants to be told.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = crypto::sign(message.as_bytes(), &private(algorithm), algorithm).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn encode(part: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}
