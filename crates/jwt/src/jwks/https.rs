//! Sets of keys over https.

use std::{error::Error, fmt, sync::Arc};

use tokio_rustls::rustls::ClientConfig;

use super::{
    fetch::{Fetch, FetchFuture},
    get::{get, public_roots},
    url::{Url, without_user},
};

/// Fetches a set of keys from an `https` URL. Redirects are not followed.
///
/// [`Jwks::discover`](super::Jwks::discover) finds the URL by the issuer's name, and can also fetch from this machine
/// over plain http.
///
/// ```
/// use portcullis_jwt::jwks::{HttpsFetch, Jwks};
///
/// let keys = Jwks::new(HttpsFetch::new("https://id.example.com/keys")?);
/// # drop(keys);
/// for wrong in ["http://id.example.com/keys", "https:///keys", "https://me:password@id.example.com/", "keys.json"] {
///     let error = HttpsFetch::new(wrong).err().unwrap();
///     assert!(!error.to_string().contains("password"), "{error}");
/// }
/// # Ok::<_, portcullis_jwt::jwks::InvalidUrl>(())
/// ```
pub struct HttpsFetch {
    url: Url,
    tls: Arc<ClientConfig>,
}

/// The error for a URL from which no keys may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URL {:?}: keys come from https://host[:port]/path", self.0)
    }
}

impl Error for InvalidUrl {}

impl HttpsFetch {
    /// Creates a fetch from a URL. The server's certificate must be signed by a root that Mozilla trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the URL is not `https`, has no host, or contains a user.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Self::with_config(url, public_roots())
    }

    /// Creates a fetch from a URL with a TLS configuration of your own, such as other roots or a client certificate.
    ///
    /// # Errors
    ///
    /// Like [`new`](Self::new).
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
