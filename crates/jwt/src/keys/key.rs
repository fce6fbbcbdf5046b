//! One key, and the one algorithm that it is for.

use std::{error::Error, fmt};

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

use super::provider::provider;
use crate::error::TokenError;

/// A key that verifies tokens of one algorithm.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// A secret that is shorter than the hash's output (RFC 7518, section 3.2).
    ShortSecret {
        /// Bytes that it must have.
        least: usize,
    },
    /// An RSA modulus under 2048 bits, or an exponent that is even or 1 (RFC 7518, section 3.3).
    WeakRsa,
    /// It is not readable, or not of the algorithm's kind.
    Unreadable,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { least } => write!(f, "weak key: the secret needs at least {least} random bytes"),
            Self::WeakRsa => f.write_str("weak key: RSA needs a modulus of 2048 bits and an odd exponent above 1"),
            Self::Unreadable => f.write_str("invalid key: not a public key of the algorithm's kind"),
        }
    }
}

impl Error for KeyError {}

impl Key {
    /// A shared secret, for HS256, HS384 or HS512.
    ///
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] under 32, 48 or 64 bytes; [`KeyError::Unreadable`] for another algorithm.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let least = match algorithm {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => return Err(KeyError::Unreadable),
        };
        if secret.len() < least {
            return Err(KeyError::ShortSecret { least });
        }
        Ok(Self { algorithm, key: DecodingKey::from_secret(secret) })
    }

    /// A public key in PEM, for any other algorithm.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unreadable`] and [`KeyError::WeakRsa`].
    pub fn pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let key = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return Err(KeyError::Unreadable),
            Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem),
            _ => DecodingKey::from_rsa_pem(pem),
        };
        Self::checked(algorithm, key.map_err(|_| KeyError::Unreadable)?)
    }

    pub(crate) fn checked(algorithm: Algorithm, key: DecodingKey) -> Result<Self, KeyError> {
        if key.family() != algorithm.family() {
            return Err(KeyError::Unreadable);
        }
        match (algorithm, key.kind()) {
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) if point.len() == 65 => {}
            (Algorithm::ES384, DecodingKeyKind::SecretOrDer(point)) if point.len() == 97 => {}
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) if point.len() == 32 => {}
            (Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA, _) => return Err(KeyError::Unreadable),
            (_, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(n, e)?,
            (_, DecodingKeyKind::SecretOrDer(der)) => {
                let (modulus, exponent) = rsa_parts(der).ok_or(KeyError::Unreadable)?;
                rsa(&modulus, &exponent)?;
            }
        }
        Ok(Self { algorithm, key })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key made a signature.
    pub(crate) fn check(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        // An algorithm is the key's, never the token's to choose (RFC 8725, section 3.1).
        if algorithm != self.algorithm {
            return Err(TokenError::Invalid("algorithm"));
        }
        let provider = provider().ok_or(TokenError::Unavailable)?;
        let verifier = (provider.verifier_factory)(&algorithm, &self.key).map_err(|_| TokenError::Invalid("key"))?;
        verifier.verify(message, &signature.to_vec()).map_err(|_| TokenError::Invalid("signature"))
    }
}

/// PKCS #1: the modulus and the exponent (RFC 8017, appendix A.1.1).
fn rsa_parts(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    use simple_asn1::{
        ASN1Block::{Integer, Sequence},
        from_der,
    };
    let blocks = from_der(der).ok()?;
    match blocks.as_slice() {
        [Sequence(_, parts)] => match parts.as_slice() {
            [Integer(_, n), Integer(_, e)] => Some((n.to_bytes_be().1, e.to_bytes_be().1)),
            _ => None,
        },
        _ => None,
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    let modulus = significant(modulus);
    let exponent = significant(exponent);
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if bits < 2048 || !odd || exponent == [1] { Err(KeyError::WeakRsa) } else { Ok(()) }
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
