//! A verifier with the features of this build.
//!
//! `cargo xtask test` runs this with several combinations of features. It selects the whole workspace each time, so
//! that little more than the two crates in question is built again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
#[cfg(any(feature = "ours_rust", feature = "ours_aws"))]
mod table;
