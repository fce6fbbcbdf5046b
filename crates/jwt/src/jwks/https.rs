//! Sets of keys over https.

use std::{error::Error, fmt, sync::Arc};

use tokio_rustls::rustls::ClientConfig;

use super::{
    fetch::{Fetch, FetchFuture},
    get::{get, public_roots},
    url::{Url, without_user},
};

/// Fetches a set from a URL. Redirects are not followed. [`Jwks::discover`](super::Jwks::discover) finds the URL by the
/// issuer's name, and also fetches from this machine over plain http.
pub struct HttpsFetch {
    url: Url,
    tls: Arc<ClientConfig>,
}

/// A URL from which no key may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URL {:?}: keys come from https://host[:port]/path", self.0)
    }
}

impl Error for InvalidUrl {}

impl HttpsFetch {
    /// A URL of which the server's certificate is signed by a root that Mozilla trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if it is not `https`, has no host, or names a user.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Self::with_config(url, public_roots())
    }

    /// A URL, with TLS as the user configures it: other roots, a client certificate.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_config(url: &str, tls: Arc<ClientConfig>) -> Result<Self, InvalidUrl> {
        match Url::parse(url) {
            Some(parsed) if parsed.secure => Ok(Self { url: parsed, tls }),
            _ => Err(InvalidUrl(without_user(url))),
        }
    }
}

impl Fetch for HttpsFetch {
    fn fetch(&self, max_bytes: usize) -> FetchFuture<'_> {
        Box::pin(get(&self.url, &self.tls, max_bytes))
    }
}

impl fmt::Debug for HttpsFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsFetch").field("host", &self.url.host).field("port", &self.url.port).finish_non_exhaustive()
    }
}
