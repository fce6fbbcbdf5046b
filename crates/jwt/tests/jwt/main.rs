//! A verifier, the keys that it is given or fetches, and the layer around it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(all(feature = "https", feature = "rust_crypto"))]
mod discovery;
#[cfg(feature = "https")]
mod https;
#[cfg(all(feature = "https", feature = "rust_crypto"))]
mod issuer;
#[cfg(all(feature = "jwks", feature = "rust_crypto"))]
mod jwks;
#[cfg(feature = "tracing")]
mod log;
mod patience;
#[cfg(all(feature = "https", feature = "rust_crypto"))]
#[cfg(feature = "rust_crypto")]
mod plain;
mod recipes;
mod rules;
#[cfg(feature = "tracing")]
mod service;
#[cfg(feature = "rust_crypto")]
mod sign;
#[cfg(feature = "rust_crypto")]
mod verifier;
#[cfg(all(feature = "jwks", feature = "rust_crypto"))]
mod verifiers;
