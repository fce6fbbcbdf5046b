//! JWT authentication of WebSocket handshakes, that stays true for as long as the connection lives.
//!
//! A WebSocket's token is checked once, in its handshake, and then trusted for as long as the connection lives, which
//! may be days after it expired or its user was locked out. And a browser can send no `Authorization` header: so
//! tokens travel in cookies, which it sends for any page, and in queries, which every log on the way keeps.
//!
//! - [`JwtLayer`] takes the token from where it is told: `Authorization: Bearer`, a cookie, a parameter of the query, a
//!   subprotocol, or the first message. Of several the one that a client had to put there decides (see [`JwtLayer`]); a
//!   bad token there is not mended by a good one elsewhere. Tokens in queries and subprotocols are taken out of the
//!   request, so that they are neither seen nor logged inside. The headers `Authorization` and `Cookie` stay, marked
//!   sensitive, for gateways that pass them on; [`JwtLayer::remove_credentials`] takes the credentials out of these,
//!   too.
//! - [`Verifier`] verifies it: keys of one's own, or those that an issuer publishes. Implement [`Verify`] for tokens
//!   that only their issuer can read. [`Verifiers`] verifies those of several issuers. The module `recipes` (feature
//!   `https`) has those of Keycloak, Auth0, Microsoft Entra ID and Google.
//! - At `exp` the connection is closed: 3000, "token expired". A wall clock that is set back does not prolong that.
//!   [`Session::renew`] goes on with a newer token.
//! - [`Revocations`] takes tokens back, and closes the connections that live on them.
//! - A handshake has one subject. A layer that authenticates it as another than one outside has, be it a second
//!   [`JwtLayer`] or a login of the application's own that sets
//!   [`Subject`](portcullis_core::identity::Subject), is a wiring mistake: 500, and a sentence in the log. A first
//!   message with a token of another subject than the handshake's closes with 1008.
//! - Plain requests, which are not handshakes, are authenticated, too: see below.
//! - Every way to fail is told apart, in the status, in `WWW-Authenticate` and in the close frame: see [`TokenError`].
//!
//! **What this does not do**: check which page opened the connection. A cookie needs an origin check in front of it.
//!
//! # Defaults
//!
//! The token comes as `Authorization: Bearer`, and stays there, marked sensitive; there is no grace after `exp` beyond
//! the verifier's leeway of 30 s; `exp`, `iss` and `aud` are required; a token has at most 8 KiB; its verification may
//! take 10 s. Plain requests need a token, too.
#![cfg_attr(feature = "rust_crypto", doc = include_str!("../docs/example.md"))]
#![doc = include_str!("../docs/plain.md")]
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
    layer::JwtLayer,
    revocations::Revocations,
    service::JwtService,
    session::Session,
    tickets::Tickets,
    token_id::TokenId,
    token_message::TokenMessage,
    verifier::{Key, Keys, Verifier},
    verifiers::Verifiers,
    verify::{Verification, Verified, Verify},
};

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "rust_crypto"))]
#[doc = include_str!("../README.md")]
struct Readme;
