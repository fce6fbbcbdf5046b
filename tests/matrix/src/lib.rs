//! Every library that takes a WebSocket out of hyper's request, over either version of HTTP, and over each transport,
//! guarded beside bare.
//!
//! - [`transport`]: how bytes come to a server.
//! - [`libraries`]: servers that echo, or speak a protocol of their own, each a service that knows of no guard.
//! - [`stack`]: the layers that guard.
//! - [`client`]: a client that writes and reads frames.
//! - [`cell`]: what is asked of a library over one version of HTTP and one transport.
//! - [`table`]: the answers, as README shows them.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    reason = "what tests call fails by panicking, and is not printed"
)]

pub mod cell;
pub mod client;
pub mod libraries;
pub mod script;
pub mod stack;
pub mod table;
pub mod transport;
