//! Every library that upgrades hyper's requests, over either version of HTTP and each transport, guarded and bare.
//!
//! - [`transport`]: how bytes reach a server.
//! - [`libraries`]: servers that echo or implement a protocol, each a service without a guard.
//! - [`stack`]: the layers that guard.
//! - [`client`]: a client that writes and reads frames.
//! - [`cell`]: the checks of a library over one version of HTTP and one transport.
//! - [`table`]: the results, as in README.
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
