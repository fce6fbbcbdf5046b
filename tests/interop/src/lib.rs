//! Servers and clients for tests that span several crates. The clients write and read raw bytes, because a well-behaved
//! library cannot misbehave.
//!
//! - [`wire`]: a client over TCP.
//! - [`socket`]: a client over TCP that speaks either version of HTTP.
//! - [`streams`]: clients that are streams of one HTTP/2 connection, over an in-memory pipe.
//! - [`pipe`]: a client and its server in one process, over an in-memory pipe, so that the clock can be paused.
//! - [`handlers`]: handlers and policies.
//! - [`observed`]: a server in every way that a handshake and a connection can end, to test metrics and logs.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    reason = "what tests call fails by panicking, and is not printed"
)]

pub mod handlers;
pub mod observed;
pub mod pipe;
pub mod socket;
pub mod streams;
pub mod wire;
