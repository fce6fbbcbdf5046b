//! The id of a token, by which it is revoked or used once.

use std::{fmt, sync::Arc};

/// The id of a token (`jti`), by which it can be revoked, or used once.
///
/// An id is unique only among those of its issuer (RFC 7519, section 4.1.7). With `Verifiers`, issuer and `jti`
/// together identify a token; with a single [`Verifier`](crate::Verifier), the `jti` alone does, and strings convert
/// into it.
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
    /// Creates an id from a `jti`, where all tokens come from one issuer.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { issuer: None, id: id.into() }
    }

    /// Creates an id from an issuer and a `jti`.
    pub fn of_issuer(issuer: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { issuer: Some(issuer.into()), id: id.into() }
    }

    /// Returns the `jti`.
    ///
    /// ```
    /// use portcullis_jwt::TokenId;
    ///
    /// let id = TokenId::of_issuer("https://id.example.com", "7");
    /// assert_eq!((id.issuer(), id.as_str()), (Some("https://id.example.com"), "7"));
    /// ```
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// Encodes the id so that no two have the same encoding, identically in every process.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let length = self.issuer.as_ref().map_or(0, |issuer| issuer.len() as u64 + 1);
        [&length.to_be_bytes(), issuer.as_bytes(), self.id.as_bytes()].concat()
    }

    /// Returns the issuer of the token, where there are several issuers.
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
