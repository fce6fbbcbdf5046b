//! A guarded server behind nginx and HAProxy, as Debian packages them. Each test starts its own, on free ports.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    reason = "test support fails by panicking, and is not printed"
)]

pub mod certificate;
pub mod client;
pub mod front;
pub mod server;
