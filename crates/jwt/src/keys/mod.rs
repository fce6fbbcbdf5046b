//! Keys, and how a token finds its own: the ground on which a verifier and an issuer's published keys stand.
//!
//! - A key is for one algorithm, which is never the token's to choose (RFC 8725, section 3.1).
//! - A weak key is not taken: too short a secret, too small a modulus. Nor is one that some provider of signatures
//!   cannot verify with: which keys are taken does not depend on features.
//! - The keys of a server can be replaced while it runs, all at once.
//! - What a provider makes of a key is made once for each thread that verifies with it.

mod curve;
mod key;
mod key_set;
mod pem;
mod prepared;
mod provider;
mod public;
mod rotation;

pub(crate) use self::provider::provider;
#[cfg(feature = "jwks")]
pub(crate) use self::{
    curve::Curve,
    key_set::{KeySet, NotFound},
    public::Public,
};
pub use self::{
    key::{Key, KeyError},
    rotation::Keys,
};
