//! What each misbehaviour leads to, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod misbehaviour;
