//! How a verifier is begun: with the keys that it verifies with.

use jsonwebtoken::Algorithm;

use super::{
    builder::Builder,
    verify::{Source, Verifier},
};
#[cfg(feature = "jwks")]
use crate::jwks::Jwks;
use crate::keys::{Key, Keys};

// Each begins a builder, and so stands with it.
impl Verifier {
    /// Accepts tokens signed with HS256 and a shared secret of at least 32 bytes (RFC 7518, section 3.2).
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, verifier::BuildError};
    ///
    /// let build = |secret: &[u8]| Verifier::hs256(secret).issuer("https://id.example.com").audience("chat").build();
    /// assert!(build(&[7; 32]).is_ok()); // take 32 bytes of a random source
    /// assert!(matches!(build(b"correct horse battery staple"), Err(BuildError::Key(_))), "28 bytes");
    /// # }
    /// ```
    pub fn hs256(secret: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::hmac(Algorithm::HS256, secret.as_ref()))
    }

    /// Accepts tokens signed with RS256, given the public key in PEM.
    pub fn rs256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::RS256, pem.as_ref()))
    }

    /// Accepts tokens signed with ES256, given the public key in PEM.
    pub fn es256(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::ES256, pem.as_ref()))
    }

    /// Accepts tokens signed with Ed25519, given the public key in PEM.
    pub fn eddsa(pem: impl AsRef<[u8]>) -> Builder {
        Builder::of(Key::pem(Algorithm::EdDSA, pem.as_ref()))
    }

    /// Accepts tokens signed with one key of any algorithm.
    pub fn key(key: Key) -> Builder {
        Builder::of(Ok(key))
    }

    /// Accepts tokens signed with one of several keys, selected by `kid`, which can be replaced while the server runs.
    pub fn keys(keys: Keys) -> Builder {
        Builder::from(Source::Keys(keys))
    }

    /// Accepts tokens signed with a key that their issuer publishes.
    #[cfg(feature = "jwks")]
    pub fn jwks(jwks: Jwks) -> Builder {
        Builder::from(Source::Jwks(jwks))
    }
}
