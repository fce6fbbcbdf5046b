//! What the tests of several crates at once have in common: servers to put behind a guard, and clients that write and
//! read bytes, because a polite library cannot misbehave.
//!
//! - [`wire`]: a client over TCP.
//! - [`socket`]: a client over TCP that speaks either version of HTTP.
//! - [`streams`]: clients that are streams of one HTTP/2 connection, over a pipe in memory.
//! - [`pipe`]: a client and its server in one process, over a pipe in memory, so that the clock can be held.
//! - [`handlers`]: handlers and policies.
//! - [`observed`]: a server in every way that a handshake and a connection can end, for what is counted and logged.
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
