//! Several issuers that do not trust each other.
//!
//! A verifier trusts each of its keys for each of its issuers. If one verifier had the keys of two issuers, one of them
//! could sign tokens in the name of the other, even for its administrators. And two issuers may give the same name to
//! two people: a user who registers as `alice` with one would share limits, tickets and revocations with the `alice` of
//! the other.
//!
//! - Each issuer has a verifier of its own. A token's `iss` selects it before anything is verified; then that verifier
//!   verifies the token, including its `iss`. An unknown `iss` is refused at once: no key is looked up or fetched.
//! - Subjects and tokens are identified together with their issuer: [`Subject::of_issuer`], [`TokenId::of_issuer`]. So
//!   limits per subject, disconnects, revocations and single-use tickets keep issuers apart.
//! - [`Session::renew`](crate::Session::renew) accepts tokens of the same issuer and subject only.
//!
//! **What this does not do**: judge what an issuer says. Each may issue tokens for any subject and with any claims.
//! What a claim such as `role` means, by issuer, is for [`JwtLayer::authorize`](crate::JwtLayer::authorize) to decide.
//!
//! [`Subject::of_issuer`]: portcullis_core::identity::Subject::of_issuer
//! [`TokenId::of_issuer`]: crate::TokenId::of_issuer
#![cfg_attr(feature = "rust_crypto", doc = include_str!("../../docs/verifiers.md"))]

mod build;
mod claim;
pub(crate) mod verify;

pub use self::build::VerifiersError;
