//! Keys that an issuer publishes (RFC 7517, section 5).
//!
//! - One fetch at a time, in a task of its own: a handshake that is cancelled does not cancel it, and no lock is held
//!   meanwhile.
//! - A token that names an unknown key asks for one fetch, and not again before [`Jwks::min_interval`]: random names do
//!   not become requests to the issuer.
//! - A set that can be read replaces the one before it, even if no key in it can be used: what an issuer does not
//!   publish any more it has withdrawn.
//! - Keys are kept while the issuer is down, until they are as old as [`Jwks::keep_for`] allows. Without any, tokens
//!   cannot be judged: 503.
//! - A key that cannot be used, a private one and a secret are left out, and the others are taken. Several may have one
//!   name (`kid`) if each is for another algorithm (RFC 7517, section 4.5).
//! - `Jwks::discover` (feature `https`) asks the issuer's own document where its keys are.

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
