//! Keys, and how a token finds its own: the ground on which a verifier and an issuer's published keys stand.
//!
//! - A key is for one algorithm, which is never the token's to choose (RFC 8725, section 3.1).
//! - A weak key is not taken: too short a secret, too small a modulus.
//! - The keys of a server can be replaced while it runs, all at once.

mod key;
mod named;
mod provider;
mod rotation;

#[cfg(feature = "jwks")]
pub(crate) use self::named::{Named, NotFound};
pub(crate) use self::provider::provider;
pub use self::{
    key::{Key, KeyError},
    rotation::Keys,
};
