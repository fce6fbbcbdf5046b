//! Public keys, which are judged here and not by the provider that computes signatures.
//!
//! A provider takes most bytes for a key, and then refuses every signature. And each has limits of its own. What is a
//! key and what is not must not depend on which of them is compiled in, so the narrower of their limits holds for both.

use jsonwebtoken::{Algorithm, DecodingKey};

use super::{
    curve::{self, Curve},
    key::KeyError,
};

/// The smallest modulus (RFC 7518, section 3.3).
const LEAST_BITS: usize = 2048;

/// The largest modulus and the largest exponent that both providers verify with.
const MAX_BITS: usize = 4096;
const MAX_EXPONENT_BITS: usize = 33;

/// A public key as it was read. Numbers are big-endian.
pub(crate) enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point of a curve, of which each coordinate has its full length (RFC 7518, section 6.2.1.2).
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Ed25519(Vec<u8>),
}

impl Public {
    /// The algorithm of a key that does not say which it is for.
    #[cfg(feature = "jwks")]
    pub(crate) fn natural(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::RS256,
            Self::Ec { curve: Curve::P256, .. } => Algorithm::ES256,
            Self::Ec { curve: Curve::P384, .. } => Algorithm::ES384,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// The key for an algorithm, if it is one that both providers can verify with.
    pub(super) fn checked(&self, algorithm: Algorithm) -> Result<DecodingKey, KeyError> {
        match (algorithm, self) {
            (
                Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512,
                Self::Rsa { modulus, exponent },
            ) => rsa(modulus, exponent),
            (Algorithm::ES256, Self::Ec { curve: curve @ Curve::P256, x, y })
            | (Algorithm::ES384, Self::Ec { curve: curve @ Curve::P384, x, y }) => ec(*curve, x, y),
            (Algorithm::EdDSA, Self::Ed25519(point)) => ed25519(point),
            _ => Err(KeyError::Unreadable),
        }
    }
}

/// Leading zeros mean nothing (RFC 7518, section 2), and one provider refuses them.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, KeyError> {
    let (modulus, exponent) = (significant(modulus), significant(exponent));
    if bits(modulus) < LEAST_BITS || !is_odd(modulus) || !is_odd(exponent) || exponent == [1] {
        return Err(KeyError::WeakRsa);
    }
    if bits(modulus) > MAX_BITS || bits(exponent) > MAX_EXPONENT_BITS {
        return Err(KeyError::LargeRsa);
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<DecodingKey, KeyError> {
    if x.len() != curve.len() || y.len() != curve.len() {
        return Err(KeyError::Unreadable);
    }
    if !curve.has(x, y) {
        return Err(KeyError::NoPoint);
    }
    Ok(DecodingKey::from_ec_der(&[&[4], x, y].concat()))
}

fn ed25519(point: &[u8]) -> Result<DecodingKey, KeyError> {
    let point: &[u8; 32] = point.try_into().map_err(|_| KeyError::Unreadable)?;
    if curve::is_ed25519_key(point) { Ok(DecodingKey::from_ed_der(point)) } else { Err(KeyError::NoPoint) }
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}
