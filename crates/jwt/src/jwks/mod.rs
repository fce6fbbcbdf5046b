//! Keys that an issuer publishes (RFC 7517, section 5).
//!
//! Each unknown `kid` in a token is a reason to ask the issuer for newer keys, and every client can invent one. And an
//! issuer that is down for a minute must neither lock out all users nor keep a withdrawn key valid.
//!
//! - There is one fetch at a time, in a task of its own: a cancelled handshake does not cancel it, and no lock is held
//!   meanwhile.
//! - A token with an unknown key causes one fetch, and no other before [`Jwks::min_interval`] has passed, so that
//!   random names do not become requests to the issuer.
//! - A set that can be parsed replaces the previous one, even if none of its keys can be used: a key that is no longer
//!   published was withdrawn.
//! - Keys are kept while the issuer is down, up to the age that [`Jwks::keep_for`] allows. Without any keys, tokens
//!   cannot be verified: 503.
//! - Keys that cannot be used, private keys and secrets are left out, and the others are used. Several keys may have
//!   the same name (`kid`) if each is for another algorithm (RFC 7517, section 4.5).
//! - `Jwks::discover` (feature `https`) reads in the issuer's own document where its keys are.
//!
//! **What this does not do**: fetch keys from an address in a token (`jku`, `x5u`). Those headers are ignored.

mod cache;
#[cfg(feature = "https")]
mod discover;
#[cfg(feature = "https")]
mod document;
mod fetch;
#[cfg(feature = "https")]
mod get;
#[cfg(feature = "https")]
mod https;
mod report;
mod set;
pub(crate) mod tenants;
#[cfg(feature = "https")]
mod url;

pub(crate) use self::cache::Found;
pub use self::{
    cache::Jwks,
    fetch::{Fetch, FetchError, FetchFuture},
};
#[cfg(feature = "https")]
pub use self::{
    discover::{Discover, DiscoverError},
    https::{HttpsFetch, InvalidUrl},
};
