//! Tests of an application that Portcullis guards, without a listener and without waiting. Feature `test-util`, for
//! `[dev-dependencies]`; not for production.
//!
//! - [`Handshake`] opens a WebSocket to an axum `Router`, or to any service that answers handshakes, over a pipe in
//!   memory. [`Client`] writes and reads frames; [`ConnectError`] holds a refusal.
//! - [`Connection::detached`](crate::Connection::detached) makes a connection from values, for a handler that takes
//!   one.
#![cfg_attr(feature = "jwt", doc = "- [`Session::detached`](crate::jwt::Session::detached) does so for a session, and")]
#![cfg_attr(feature = "jwt", doc = "  [`Tokens`] accepts tokens without a signature.")]
#![cfg_attr(feature = "jwt", doc = "  [`Claims`](crate::jwt::Claims) needs no more than its constructor.")]
//! - [`Clock`] is a wall clock that follows tokio's: pausing that pauses both.
//!
//! **What this does not do**: HTTP/2, TLS, and what a network does to a connection. It sets no time limits of its own.
//! Wrap what may take forever in `tokio::time::timeout`: on a paused clock, that elapses at once.
#![cfg_attr(
    all(feature = "axum", feature = "jwt", feature = "origin", feature = "rate-limit"),
    doc = include_str!("testing.md")
)]

pub use portcullis_core::testing::{Client, Clock, ConnectError, Detached, Handshake, Message};
#[cfg(feature = "jwt")]
pub use portcullis_jwt::testing::Tokens;
