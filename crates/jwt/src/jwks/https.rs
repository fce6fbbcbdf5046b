//! Sets of keys over https: one GET on a connection of its own, without redirects.

use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use http::{
    Request, Uri,
    header::{ACCEPT, HOST},
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use super::fetch::{Fetch, FetchError, Fetched};

/// Fetches a set from a URL. Redirects are not followed.
pub struct Https {
    host: String,
    port: u16,
    path: String,
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

impl InvalidUrl {
    /// What stands before an `@` may be a password, which no log is to keep.
    fn of(url: &str) -> Self {
        Self(url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("..@{rest}")))
    }
}

impl Https {
    /// A URL of which the server's certificate is signed by a root that Mozilla trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if it is not `https`, has no host, or names a user.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|_| InvalidUrl::of(url))?.with_root_certificates(roots);
        Self::with_config(url, Arc::new(config.with_no_client_auth()))
    }

    /// A URL, with TLS as the user configures it: other roots, a client certificate.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_config(url: &str, tls: Arc<ClientConfig>) -> Result<Self, InvalidUrl> {
        let invalid = || InvalidUrl::of(url);
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(invalid)?;
        if uri.scheme_str() != Some("https") || ServerName::try_from(authority.host().to_owned()).is_err() {
            return Err(invalid());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => 443,
            _ => authority.port_u16().ok_or_else(invalid)?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host: authority.host().to_owned(), port, path, tls })
    }

    async fn get(&self, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        let name = ServerName::try_from(self.host.clone()).map_err(failed)?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await.map_err(failed)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let answer = async {
            let response = sender.send_request(self.request()?).await.map_err(failed)?;
            if response.status() != 200 {
                return Err(FetchError::Status(response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), max_bytes).collect().await.map_err(too_big)?;
            Ok(body.to_bytes().to_vec())
        };
        // The connection is driven here: it ends with the answer, or with whoever gives up on both.
        let driver = async {
            match connection.await {
                Ok(()) => std::future::pending().await,
                Err(error) => failed(error),
            }
        };
        let (mut answer, mut driver) = (pin!(answer), pin!(driver));
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Pending => driver.as_mut().poll(cx).map(Err),
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, FetchError> {
        let host = if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) };
        let request = Request::get(&self.path).header(HOST, host).header(ACCEPT, "application/json");
        request.body(Empty::new()).map_err(failed)
    }
}

fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> FetchError {
    FetchError::Failed(error.into())
}

fn too_big(error: Box<dyn Error + Send + Sync>) -> FetchError {
    if error.is::<LengthLimitError>() { FetchError::TooBig } else { FetchError::Failed(error) }
}

impl Fetch for Https {
    fn fetch(&self, max_bytes: usize) -> Fetched<'_> {
        Box::pin(self.get(max_bytes))
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}
