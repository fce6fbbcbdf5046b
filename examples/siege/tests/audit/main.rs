//! `siege audit` against small servers that stop everything, let everything through, or let one attack through, and
//! with invalid arguments.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod http2;
mod loose;
mod server;
mod tls;
mod verdicts;
