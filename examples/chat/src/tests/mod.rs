//! The consequences of misbehaviour, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod misbehaviour;
