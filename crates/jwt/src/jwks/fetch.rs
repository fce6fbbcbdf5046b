//! What fetches a set of keys: the trait between the cache and an HTTP client, and how that may fail.

use std::{error::Error, fmt, future::Future, pin::Pin};

/// The text of a set, later.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Fetches a set of keys from where the user said it is: never from where a token says.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches the set, of at most so many bytes. Called by one task at a time, and given up after a time.
    fn fetch(&self, max_bytes: usize) -> FetchFuture<'_>;

    /// The issuer whose keys these are, if that is known. A verifier that names issuers must name this one then; one
    /// that names none accepts its tokens. With `{tenantid}` in it, it is a verifier's to say which tenants these are.
    fn issuer(&self) -> Option<&str> {
        None
    }
}

/// Why there is no set.
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
