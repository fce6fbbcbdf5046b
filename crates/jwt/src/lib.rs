//! Authenticates WebSocket handshakes with JWTs, and closes connections when their token expires or is revoked.
//!
//! A WebSocket's token is checked once, in the handshake, and then trusted for as long as the connection lives, which
//! may be days after the token expired or its user was locked out. Besides, a browser cannot send an `Authorization`
//! header with a handshake, so tokens travel in cookies, which the browser sends for any page, and in queries, which
//! end up in logs.
//!
//! - [`JwtLayer`] takes the token from the configured sources: `Authorization: Bearer`, a cookie, a query parameter, a
//!   subprotocol, or the first message. If a request has several tokens, the one that the client had to add itself
//!   decides (see [`JwtLayer`]); a valid token elsewhere does not make up for an invalid one. Tokens in queries and
//!   subprotocols are removed from the request, so that nothing inside sees or logs them. The headers `Authorization`
//!   and `Cookie` stay, marked sensitive, for gateways that pass them on; [`JwtLayer::remove_credentials`] removes the
//!   credentials from these as well.
//! - [`Verifier`] verifies tokens with your own keys or with those that an issuer publishes. [`Verifiers`] does so for
//!   several issuers. Implement [`Verify`] for tokens that only their issuer can read. The module `recipes` (feature
//!   `https`) has settings for Keycloak, Auth0, Microsoft Entra ID and Google.
//! - At `exp` the connection is closed with 3000, "token expired". Setting back the wall clock does not extend it.
//!   [`Session::renew`] continues with a newer token.
//! - [`Revocations`] revokes tokens and closes the connections they authenticated.
//! - A handshake has one subject. If two layers authenticate it as different ones, such as two [`JwtLayer`]s or a login
//!   of your own that sets [`Subject`](portcullis_core::identity::Subject), that is a wiring error: 500, and a message
//!   in the log. A first message with a token for another subject than the handshake's closes with 1008.
//! - Plain requests, which are not handshakes, are authenticated as well: see below.
//! - Each reason to refuse a token has its own status, `WWW-Authenticate` header and close frame: see [`TokenError`].
//!
//! **What this does not do**: check which page opened the connection. A cookie needs an origin check in front of it.
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | source of the token | `Authorization: Bearer`, which stays in the request, marked sensitive |
//! | required claims | `exp`, `iss` and `aud` |
//! | leeway of the verifier | 30 s |
//! | grace after `exp` | none beyond the leeway |
//! | size of a token | at most 8 KiB |
//! | time for a verification | 10 s |
//! | plain requests | need a token as well |
#![cfg_attr(feature = "rust_crypto", doc = include_str!("../docs/example.md"))]
#![doc = include_str!("../docs/plain.md")]
#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admit;
mod claims;
mod error;
mod expiring;
#[cfg(feature = "axum")]
mod extract;
mod future;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internal;
mod json;
#[cfg(feature = "jwks")]
pub mod jwks;
mod keys;
mod layer;
mod once;
mod policy;
#[cfg(all(feature = "https", any(feature = "aws_lc_rs", feature = "rust_crypto")))]
pub mod recipes;
mod revocations;
mod service;
mod session;
mod settings;
mod source;
mod spend;
mod subprotocols;
mod sync;
#[cfg(feature = "test-util")]
pub mod testing;
mod tickets;
mod time;
mod token_id;
mod token_message;
pub mod verifier;
pub mod verifiers;
mod verify;

pub use jsonwebtoken::Algorithm;

pub use crate::{
    claims::Claims,
    error::TokenError,
    future::ResponseFuture,
    keys::{Key, Keys},
    layer::JwtLayer,
    revocations::Revocations,
    service::JwtService,
    session::Session,
    tickets::Tickets,
    token_id::TokenId,
    token_message::TokenMessage,
    verifier::verify::Verifier,
    verifiers::verify::Verifiers,
    verify::{Verification, Verified, Verify},
};

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "rust_crypto"))]
#[doc = include_str!("../README.md")]
struct Readme;
