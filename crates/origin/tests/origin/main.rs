//! Who is let in, and what becomes of a request that is not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decision;
mod plain;
mod service;
