//! How a token is named, for those that remember it.

use std::{fmt, sync::Arc};

/// The name of a token (`jti`), by which it may be revoked, or used once.
///
/// A name is unique among those of its issuer only (RFC 7519, section 4.1.7). Behind
/// `Verifiers` a token is named by both; behind a single [`Verifier`](crate::Verifier) by its `jti`
/// alone, which any string becomes.
///
/// ```
/// use portcullis_jwt::TokenId;
///
/// assert_eq!(TokenId::from("7"), TokenId::new("7"));
/// assert_ne!(TokenId::of_issuer("https://id.example.com", "7"), TokenId::new("7"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId {
    issuer: Option<Arc<str>>,
    id: Arc<str>,
}

impl TokenId {
    /// A token by its `jti`, where all tokens are of one issuer.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { issuer: None, id: id.into() }
    }

    /// A token by its issuer and its `jti`.
    pub fn of_issuer(issuer: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { issuer: Some(issuer.into()), id: id.into() }
    }

    /// The `jti`.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// Bytes that no other has, which are the same in every process.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let length = self.issuer.as_ref().map_or(0, |issuer| issuer.len() as u64 + 1);
        [&length.to_be_bytes(), issuer.as_bytes(), self.id.as_bytes()].concat()
    }

    /// Who issued the token, where there are several issuers.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

impl<S: Into<Arc<str>>> From<S> for TokenId {
    fn from(id: S) -> Self {
        Self::new(id)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            None => f.debug_tuple("TokenId").field(&self.id).finish(),
            Some(issuer) => f.debug_tuple("TokenId").field(issuer).field(&self.id).finish(),
        }
    }
}
