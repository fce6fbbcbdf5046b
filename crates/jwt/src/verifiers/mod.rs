//! Several issuers that do not trust each other.
//!
//! A verifier trusts each of its keys for each issuer that it names. With the keys of two issuers in one verifier, one
//! of them could sign tokens in the name of the other: of its users, its administrators. And two issuers may give one
//! name to two people: a user who registers as `alice` at one would share limits, tickets and revocations with the
//! `alice` of the other.
//!
//! - Each issuer has a verifier of its own. A token's `iss` chooses it, before anything is verified; then that verifier
//!   verifies it, its `iss` included. An unknown `iss` is refused at once: no key is looked up, and nothing is
//!   fetched.
//! - Subjects and tokens are named by their issuer, too: [`Subject::of_issuer`], [`TokenId::of_issuer`]. So everything
//!   that is kept by them is kept by issuer: limits per subject, disconnects, revocations, tickets for single use.
//! - [`Session::renew`](crate::Session::renew) goes on with a token of the same issuer and subject only.
//!
//! **What this does not do**: judge what an issuer says. Each may issue tokens for any of its names, and with any
//! claims: what a claim such as `role` means is for [`JwtLayer::authorize`](crate::JwtLayer::authorize) to decide, by
//! issuer.
//!
//! [`Subject::of_issuer`]: portcullis_core::identity::Subject::of_issuer
//! [`TokenId::of_issuer`]: crate::TokenId::of_issuer
#![cfg_attr(feature = "rust_crypto", doc = include_str!("../../docs/verifiers.md"))]

mod build;
mod claim;
pub(crate) mod verify;

pub use self::build::VerifiersError;
