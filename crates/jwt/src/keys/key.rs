//! One key, and the one algorithm that it is for.

use std::{error::Error, fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey};

use super::{pem, prepared, public::Public};
use crate::error::TokenError;

/// A key that verifies tokens of one algorithm.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    /// Clones share it, and what is prepared of it.
    key: Arc<DecodingKey>,
}

/// The error for a key that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// A secret that is shorter than the hash's output (RFC 7518, section 3.2).
    ShortSecret {
        /// The minimum length in bytes.
        least: usize,
    },
    /// A PEM text was passed as a secret. It may be a public key, with which anyone could sign (RFC 8725, section 2.1).
    PemSecret,
    /// An RSA modulus under 2048 bits (RFC 7518, section 3.3) or an even one, or an exponent that is even or 1.
    WeakRsa,
    /// An RSA modulus over 4096 bits, or an exponent over 33 bits. Not every provider of signatures supports these, and
    /// verification would be slow.
    LargeRsa,
    /// The numbers are not a point of the curve, or are a point of small order, for which anyone can sign.
    NoPoint,
    /// The PEM text has more than one key.
    SeveralKeys,
    /// A certificate instead of the public key in it. Nothing that it says would be checked.
    Certificate,
    /// A private key instead of the public one.
    PrivateKey,
    /// The key cannot be parsed, or is not of the algorithm's kind.
    Unreadable,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { least } => write!(f, "weak key: the secret needs at least {least} random bytes"),
            Self::PemSecret => f.write_str("invalid key: a text in PEM is not a secret; name the algorithm of its key"),
            Self::WeakRsa => f.write_str("weak key: RSA needs a modulus of 2048 bits and an odd exponent above 1"),
            Self::LargeRsa => {
                f.write_str("invalid key: RSA needs a modulus of 4096 bits at most, and 33 of an exponent")
            }
            Self::NoPoint => f.write_str("invalid key: not a point of its curve that can be a key"),
            Self::SeveralKeys => {
                f.write_str("invalid key: more than one in a PEM text; give each of its own to `Keys`")
            }
            Self::Certificate => {
                f.write_str("invalid key: a certificate; take its key with `openssl x509 -pubkey -noout`")
            }
            Self::PrivateKey => {
                f.write_str("invalid key: a private key; take its public one with `openssl pkey -pubout`")
            }
            Self::Unreadable => f.write_str("invalid key: not a public key of the algorithm's kind"),
        }
    }
}

impl Error for KeyError {}

impl Key {
    /// A shared secret, for HS256, HS384 or HS512.
    ///
    /// ```
    /// use portcullis_jwt::{Algorithm, Key, verifier::KeyError};
    ///
    /// assert!(Key::hmac(Algorithm::HS512, &[7; 64]).is_ok());
    /// assert_eq!(Key::hmac(Algorithm::HS512, &[7; 32]).unwrap_err(), KeyError::ShortSecret { least: 64 });
    /// // A public key is no secret: everyone who has it could sign tokens.
    /// let pem = "-----BEGIN PUBLIC KEY-----
    /// MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
    /// -----END PUBLIC KEY-----";
    /// assert_eq!(Key::hmac(Algorithm::HS256, pem.as_bytes()).unwrap_err(), KeyError::PemSecret);
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] under 32, 48 or 64 bytes; [`KeyError::PemSecret`] for a text in PEM;
    /// [`KeyError::Unreadable`] for another algorithm.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let least = match algorithm {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => return Err(KeyError::Unreadable),
        };
        if pem::is_pem(secret) {
            return Err(KeyError::PemSecret);
        }
        if secret.len() < least {
            return Err(KeyError::ShortSecret { least });
        }
        Ok(Self { algorithm, key: Arc::new(DecodingKey::from_secret(secret)) })
    }

    /// A public key in PEM, for any other algorithm: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// ```
    /// use portcullis_jwt::{Algorithm, Key, verifier::KeyError};
    ///
    /// let pem = |label: &str, base64: &str| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
    /// // RFC 8410, section 10.
    /// let public = pem("PUBLIC KEY", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
    /// assert!(Key::pem(Algorithm::EdDSA, public.as_bytes()).is_ok());
    /// assert_eq!(Key::pem(Algorithm::ES256, public.as_bytes()).unwrap_err(), KeyError::Unreadable, "another curve");
    ///
    /// let private = pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC");
    /// assert_eq!(Key::pem(Algorithm::EdDSA, private.as_bytes()).unwrap_err(), KeyError::PrivateKey);
    /// ```
    ///
    /// # Errors
    ///
    /// Every [`KeyError`] but those of secrets: what no signature could be verified with.
    pub fn pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        Self::public(algorithm, &pem::read(pem)?)
    }

    pub(crate) fn public(algorithm: Algorithm, public: &Public) -> Result<Self, KeyError> {
        Ok(Self { algorithm, key: Arc::new(public.checked(algorithm)?) })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key made a signature.
    pub(crate) fn check(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> Result<(), TokenError> {
        // An algorithm is the key's, never the token's to choose (RFC 8725, section 3.1).
        if algorithm != self.algorithm {
            return Err(TokenError::Invalid("algorithm"));
        }
        prepared::verify(&self.key, algorithm, message, signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
