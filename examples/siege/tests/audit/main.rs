//! `siege audit` against small servers that stop everything, let everything through, or let one thing through; and what
//! it says to words that mean nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod http2;
mod loose;
mod server;
mod tls;
mod verdicts;
