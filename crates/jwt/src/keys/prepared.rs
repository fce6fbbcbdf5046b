//! Keys as their provider has prepared them.
//!
//! The key schedule of a secret costs as much as hashing a token, and the numbers of a public key have to be parsed.
//! Both are the same for each token, and a provider does them when it makes a verifier. That may not leave its thread,
//! so each thread remembers the verifiers of the keys that it has used last.
//!
//! - A verifier is found by its key alone: by the place in memory that clones of the key share, and that no other key
//!   has while a thread remembers it. Which key a token is verified with is decided before, in the set of keys as it
//!   is: a key that was rotated out is not looked up any more.
//! - What a thread remembers of keys that are gone it drops when it prepares another.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

use jsonwebtoken::{Algorithm, DecodingKey, crypto::JwtVerifier};

use super::provider::provider;
use crate::error::TokenError;

/// Keys that a thread remembers. With more of them in use, verifiers are made anew.
const MOST: usize = 8;

thread_local! {
    static PREPARED: RefCell<Prepared> = const { RefCell::new(Prepared(Vec::new())) };
}

/// The oldest first.
struct Prepared(Vec<(Weak<DecodingKey>, Box<dyn JwtVerifier>)>);

/// Whether a key made a signature, by an algorithm that is always the same for one key.
pub(super) fn verify(
    key: &Arc<DecodingKey>,
    algorithm: Algorithm,
    message: &[u8],
    signature: &Vec<u8>,
) -> Result<(), TokenError> {
    PREPARED.with_borrow_mut(|prepared| {
        let verifier = prepared.verifier(key, algorithm)?;
        verifier.verify(message, signature).map_err(|_| TokenError::Invalid("signature"))
    })
}

impl Prepared {
    fn verifier(&mut self, key: &Arc<DecodingKey>, algorithm: Algorithm) -> Result<&dyn JwtVerifier, TokenError> {
        let found = self.0.iter().position(|(of, _)| of.as_ptr() == Arc::as_ptr(key));
        let at = match found {
            Some(at) => at,
            None => self.prepare(key, algorithm)?,
        };
        Ok(self.0[at].1.as_ref())
    }

    fn prepare(&mut self, key: &Arc<DecodingKey>, algorithm: Algorithm) -> Result<usize, TokenError> {
        let provider = provider().ok_or(TokenError::Unavailable)?;
        let verifier = (provider.verifier_factory)(&algorithm, key).map_err(|_| TokenError::Invalid("key"))?;
        self.0.retain(|(of, _)| of.strong_count() > 0);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push((Arc::downgrade(key), verifier));
        Ok(self.0.len() - 1)
    }
}

#[cfg(test)]
#[cfg(feature = "rust_crypto")]
mod tests {
    use jsonwebtoken::{EncodingKey, crypto::rust_crypto::DEFAULT_PROVIDER};

    use super::*;
    use crate::keys::{Key, Keys};

    const MESSAGE: &[u8] = b"header.payload";

    fn secret(number: u8) -> [u8; 32] {
        [number; 32]
    }

    fn key(number: u8) -> Key {
        Key::hmac(Algorithm::HS256, &secret(number)).unwrap()
    }

    fn signature(number: u8) -> Vec<u8> {
        let key = EncodingKey::from_secret(&secret(number));
        (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &key).unwrap().try_sign(MESSAGE).unwrap()
    }

    fn check(key: &Key, signature: &Vec<u8>) -> Result<(), TokenError> {
        key.check(Algorithm::HS256, MESSAGE, signature)
    }

    fn remembered() -> usize {
        PREPARED.with_borrow(|prepared| prepared.0.len())
    }

    #[test]
    fn each_key_verifies_its_own_signatures_alone_however_many_there_are() {
        let keys: Vec<_> = (0..20).map(key).collect();
        for turn in 0..3 {
            for (key, number) in keys.iter().zip(0..) {
                assert_eq!(check(key, &signature(number)), Ok(()), "{turn}: {number}");
                let other = check(key, &signature(number + 1));
                assert_eq!(other, Err(TokenError::Invalid("signature")), "{turn}: {number}");
            }
        }
        assert_eq!(remembered(), MOST);
        drop(keys);
        check(&key(0), &signature(0)).unwrap();
        assert_eq!(remembered(), 1, "those of keys that are gone are dropped");
    }

    #[test]
    fn a_key_that_was_replaced_verifies_nothing_any_more() {
        let keys = Keys::new([("a", key(1))]);
        for turn in 2..40 {
            let ask = |number| check(&keys.find(Some("a"), Algorithm::HS256).unwrap(), &signature(number));
            assert_eq!(ask(turn - 1), Ok(()), "{turn}");
            keys.replace([("a", key(turn))]);
            assert_eq!((ask(turn - 1), ask(turn)), (Err(TokenError::Invalid("signature")), Ok(())), "{turn}");
            assert_eq!(remembered(), 1, "{turn}: nothing is left of the key before");
        }
    }
}
