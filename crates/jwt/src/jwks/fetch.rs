//! What fetches a set of keys: the trait between the cache and an HTTP client, and how that may fail.

use std::{error::Error, fmt, future::Future, pin::Pin};

/// The future of [`Fetch::fetch`]: the text of the set.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Fetches a set of keys from an address that you configured, never from one that a token names.
///
/// [`Jwks::new`](super::Jwks::new) has an example.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches the set, and fails if it has more than `max_bytes`. Called by one task at a time, which drops the future
    /// after [`Jwks::timeout`](super::Jwks::timeout).
    fn fetch(&self, max_bytes: usize) -> FetchFuture<'_>;

    /// Returns the issuer whose keys these are, if that is known. A verifier that names issuers must then name this
    /// one; a verifier that names none accepts the tokens of this one. If it contains `{tenantid}`, the verifier must
    /// list the [tenants](crate::verifier::Builder::tenants).
    fn issuer(&self) -> Option<&str> {
        None
    }
}

/// The error for a set of keys that could not be fetched.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// It took too long.
    Timeout,
    /// It has more bytes than allowed.
    TooBig,
    /// The issuer answered with another status than 200. Redirects are not followed.
    Status(u16),
    /// The issuer's document says that it is of another issuer, whose name this is.
    OtherIssuer(String),
    /// The issuer's document cannot be used; the sentence says why.
    Document(&'static str),
    /// It is not a set of keys.
    Unreadable,
    /// The connection failed.
    Failed(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the issuer took too long"),
            Self::TooBig => f.write_str("the set of keys is too big"),
            Self::Status(status) => write!(f, "the issuer answered with status {status}"),
            Self::OtherIssuer(issuer) => write!(f, "the document is of another issuer: {issuer:?}"),
            Self::Document(why) => write!(f, "the issuer's document cannot be used: {why}"),
            Self::Unreadable => f.write_str("not a set of keys"),
            Self::Failed(error) => write!(f, "the issuer could not be reached: {error}"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}
