//! Verification of signed tokens (RFC 7515, RFC 7519).
//!
//! What costs little comes first: length, shape, header, algorithm and key; then the signature; then the claims.

mod begin;
mod build;
mod build_error;
mod builder;
mod claims;
mod compact;
mod header;
mod issuers;
mod last_header;
mod parties;
pub(crate) mod verify;

pub use self::{build_error::BuildError, builder::Builder};
pub(crate) use self::{compact::decode, verify::Verifier};
pub use crate::keys::KeyError;
