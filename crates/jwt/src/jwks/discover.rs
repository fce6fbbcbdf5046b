//! Where an issuer's keys are, as its own document says.

use std::{error::Error, fmt, sync::Arc};

use tokio_rustls::rustls::ClientConfig;

use super::{
    cache::Jwks,
    document,
    fetch::{Fetch, FetchError, FetchFuture},
    get::{get, public_roots},
    tenants,
    url::{Url, without_user},
};

/// What is behind an issuer's name to be its document's address (OpenID Connect Discovery 1.0, section 4.1).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Builds the keys of an issuer that publishes a document about itself. Created by [`Jwks::discover`].
#[must_use]
pub struct Discover {
    issuer: String,
    address: Option<String>,
    tls: Option<Arc<ClientConfig>>,
}

/// The error for an issuer whose keys cannot be discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoverError {
    /// It is not the name of an issuer.
    Issuer(String),
    /// It is not an address from which a document may be fetched.
    Address(String),
    /// The issuer is a pattern for many tenants, and no address says where its document is.
    NoAddress,
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer(issuer) => write!(
                f,
                "invalid issuer {issuer:?}: an issuer is https://host[:port][/path], or http:// where the host is \
                 localhost, 127.0.0.1 or [::1]"
            ),
            Self::Address(url) => write!(
                f,
                "invalid URL {url:?}: a document comes from https://host[:port]/path, or from http:// for an issuer \
                 of http://localhost"
            ),
            Self::NoAddress => {
                f.write_str("an issuer with `{tenantid}` has its document elsewhere: say where with `at`")
            }
        }
    }
}

impl Error for DiscoverError {}

impl Jwks {
    /// The keys of an issuer, by its name alone: its document says where they are (OpenID Connect Discovery 1.0,
    /// section 4). The name is the one that tokens have as `iss`, to the letter.
    ///
    /// - The document is at `<issuer>/.well-known/openid-configuration`, for which a slash at the end of the name is
    ///   dropped; [`at`](Discover::at) is for all others.
    /// - What it says as its `issuer` must be this name, with the slash if it has one.
    /// - Its `jwks_uri` may be on any host, and is of https. Plain http is for an issuer on this machine, whose name
    ///   begins with `http://localhost`, `http://127.0.0.1` or `http://[::1]`.
    /// - Redirects are not followed.
    /// - Nothing is fetched before a token asks for a key. The document is fetched with the keys each time, and both
    ///   together may take [`timeout`](Jwks::timeout), and each have [`max_bytes`](Jwks::max_bytes). If that fails and
    ///   there are no keys yet, tokens cannot be judged: 503, not a server that does not start.
    /// - Of keys that say whose they are (`issuer`, as those of Microsoft), only this issuer's are taken.
    ///
    /// A verifier with these keys accepts this issuer's tokens, and need not name it again.
    ///
    /// ```
    /// use portcullis_jwt::{Verifier, jwks::Jwks};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = Jwks::discover("https://id.example.com/realms/chat").build()?;
    /// let verifier = Verifier::jwks(keys).audience("chat"); // and `build()?`
    /// # drop(verifier);
    /// for issuer in ["http://id.example.com", "https://id.example.com/?realm=chat", "id.example.com"] {
    ///     assert!(Jwks::discover(issuer).build().is_err());
    /// }
    /// assert!(Jwks::discover("http://localhost:8080/realms/chat").build().is_ok());
    /// # Ok(()) }
    /// ```
    pub fn discover(issuer: impl Into<String>) -> Discover {
        Discover { issuer: issuer.into(), address: None, tls: None }
    }
}

impl Discover {
    /// Sets where the issuer's document is, if that is not where its name says: at an address inside of a network, or
    /// at that of RFC 8414, `https://host/.well-known/oauth-authorization-server/path`. The document must still name
    /// the issuer. An `http` address is only accepted for an issuer on this machine whose name begins with `http://`;
    /// such an issuer's keys may be on this machine, too.
    ///
    /// ```
    /// use portcullis_jwt::jwks::Jwks;
    ///
    /// let keys = || Jwks::discover("https://id.example.com");
    /// assert!(keys().at("https://gateway.internal/.well-known/oauth-authorization-server").build().is_ok());
    /// let plain = "http://gateway.internal/.well-known/openid-configuration";
    /// assert!(keys().at(plain).build().is_err(), "not encrypted");
    /// ```
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.address = Some(url.into());
        self
    }

    /// Sets the TLS configuration, such as other roots or a client certificate. By default, the roots that Mozilla
    /// trusts are trusted.
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Creates the set of keys. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// [`DiscoverError`] if no issuer can have this name, or no document can be fetched from this address.
    pub fn build(self) -> Result<Jwks, DiscoverError> {
        let Self { issuer, address, tls } = self;
        let plain = is_plain(&issuer).ok_or_else(|| DiscoverError::Issuer(without_user(&issuer)))?;
        let address = match address {
            Some(address) => address,
            None if tenants::is_pattern(&issuer) => return Err(DiscoverError::NoAddress),
            None => format!("{}{WELL_KNOWN}", issuer.strip_suffix('/').unwrap_or(&issuer)),
        };
        let url = Url::parse(&address).filter(|url| url.secure || plain);
        let address = url.ok_or_else(|| DiscoverError::Address(without_user(&address)))?;
        let tls = tls.unwrap_or_else(public_roots);
        Ok(Jwks::new(Discovery { issuer, address, tls }))
    }
}

/// Whether this names an issuer on this machine, that is reached over plain http; `None` if it names no issuer (section
/// 3: no query and no fragment).
fn is_plain(issuer: &str) -> Option<bool> {
    let url = Url::parse(issuer).filter(|_| !issuer.contains(['?', '#']))?;
    (url.secure || url.is_loopback()).then_some(!url.secure)
}

/// Fetches the document, and then the keys.
struct Discovery {
    issuer: String,
    address: Url,
    tls: Arc<ClientConfig>,
}

impl Discovery {
    async fn keys(&self, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let document = get(&self.address, &self.tls, max_bytes).await?;
        let keys_at = document::keys_at(&document, &self.issuer, &self.address)?;
        let keys = get(&keys_at, &self.tls, max_bytes).await?;
        Ok(document::of_issuer(keys, &self.issuer))
    }
}

impl Fetch for Discovery {
    fn fetch(&self, max_bytes: usize) -> FetchFuture<'_> {
        Box::pin(self.keys(max_bytes))
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }
}

impl fmt::Debug for Discover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discover").field("issuer", &without_user(&self.issuer)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_issuer_is_an_error_when_built() {
        let issuer = |text: &str| Some(DiscoverError::Issuer(text.to_owned()));
        let address = |text: &str| Some(DiscoverError::Address(text.to_owned()));
        for (name, at, error) in [
            ("https://id.example", None, None),
            ("https://id.example/", None, None),
            ("https://id.example:8443/realms/a", None, None),
            ("https://[2001:db8::1]/a", None, None),
            ("http://localhost:8080/realms/a", None, None),
            ("http://127.0.0.1/", None, None),
            ("http://[::1]:8080", None, None),
            ("http://id.example", None, issuer("http://id.example")),
            ("http://localhost.example", None, issuer("http://localhost.example")),
            ("http://10.0.0.1", None, issuer("http://10.0.0.1")),
            ("https://id.example/?a", None, issuer("https://id.example/?a")),
            ("https://id.example/#a", None, issuer("https://id.example/#a")),
            ("https://user:password@id.example", None, issuer("..@id.example")),
            ("id.example", None, issuer("id.example")),
            ("", None, issuer("")),
            ("https://id.example", Some("https://10.0.0.1/document?a"), None),
            ("https://id.example", Some("http://id.example/"), address("http://id.example/")),
            ("https://id.example", Some("http://localhost/"), address("http://localhost/")),
            ("https://id.example", Some("https://user@id.example/"), address("..@id.example/")),
            ("https://id.example", Some("document"), address("document")),
            ("http://localhost:8080", Some("http://keycloak:8080/"), None),
            ("http://localhost:8080", Some("https://keycloak/"), None),
            ("https://login.example/{tenantid}/v2.0", None, Some(DiscoverError::NoAddress)),
            ("https://login.example/{tenantid}/v2.0", Some("https://login.example/common/"), None),
        ] {
            let discover = Jwks::discover(name);
            let discover = at.into_iter().fold(discover, Discover::at);
            assert_eq!(discover.build().err(), error, "{name} {at:?}");
        }
    }
}
