//! Who computes signatures.
//!
//! jsonwebtoken takes a provider of the process, and panics at its first signature if both or neither of its features
//! are on, which unification of features makes likely. We never ask for that one: ours is named by our own features,
//! which is why none of them being on is an error when a verifier is built.

use jsonwebtoken::crypto::CryptoProvider;

/// aws-lc-rs where both are on: it is the faster one.
#[cfg_attr(
    any(feature = "aws_lc_rs", feature = "rust_crypto"),
    expect(clippy::unnecessary_wraps, reason = "none is one")
)]
pub(crate) fn provider() -> Option<&'static CryptoProvider> {
    #[cfg(feature = "aws_lc_rs")]
    return Some(&jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER);
    #[cfg(all(feature = "rust_crypto", not(feature = "aws_lc_rs")))]
    return Some(&jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER);
    #[cfg(not(any(feature = "rust_crypto", feature = "aws_lc_rs")))]
    None
}
