//! The credentials of every client: an origin and a token. Servers without the layers for these ignore them.

use std::sync::LazyLock;

use jsonwebtoken::{EncodingKey, Header, crypto, encode};
use portcullis_jwt::Verifier;
use serde_json::json;

pub(crate) const SECRET: &[u8; 32] = b"thirty-two bytes for this alone!";

pub(crate) const ORIGIN: &str = "https://app.example.com";

/// What a server keeps of a token.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct User {
    #[expect(dead_code, reason = "only its weight matters")]
    sub: String,
}

pub(crate) fn verifier() -> Verifier {
    choose_provider();
    Verifier::hs256(SECRET).issuer("bench").audience("bench").build().expect("it knows its key, issuer and audience")
}

/// Headers of a user.
pub(crate) fn alice() -> &'static str {
    static ALICE: LazyLock<String> = LazyLock::new(|| headers("alice"));
    &ALICE
}

/// Headers with a forged token.
pub(crate) fn forged() -> &'static str {
    static FORGED: LazyLock<String> = LazyLock::new(|| signed("alice", b"some other thirty-two bytes long"));
    &FORGED
}

/// Headers of the handshake of a user.
pub(crate) fn headers(user: &str) -> String {
    signed(user, SECRET)
}

fn signed(user: &str, secret: &[u8]) -> String {
    choose_provider();
    let claims = json!({"iss": "bench", "aud": "bench", "sub": user, "exp": 4_102_444_800_u64});
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret));
    let token = token.expect("claims are signed with a secret");
    format!("Origin: {ORIGIN}\r\nAuthorization: Bearer {token}\r\n")
}

/// With more than one provider in the build, jsonwebtoken has to be given one; a second call changes nothing.
pub(crate) fn choose_provider() {
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}
