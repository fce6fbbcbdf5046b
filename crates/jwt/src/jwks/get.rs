//! One GET on a connection of its own, without redirects.
//!
//! Keys decide who gets in, so they are fetched from exactly the address that was configured: a redirect is an error,
//! and so is an answer that is larger than the limit. Nothing is reused from one fetch to the next.

use std::{
    error::Error,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use http::{
    Request,
    header::{ACCEPT, HOST},
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::ServerName},
};

use super::{fetch::FetchError, url::Url};

/// The certificate authorities that Mozilla trusts.
pub(super) fn public_roots() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("ring has what TLS 1.2 and 1.3 need");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// What a URL returns, if that has no more than `max_bytes`.
pub(super) async fn get(url: &Url, tls: &Arc<ClientConfig>, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(failed)?;
    if !url.secure {
        return ask(stream, url, max_bytes).await;
    }
    let name = ServerName::try_from(url.host.clone()).map_err(failed)?;
    let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(failed)?;
    ask(stream, url, max_bytes).await
}

async fn ask<I>(stream: I, url: &Url, max_bytes: usize) -> Result<Vec<u8>, FetchError>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let answer = answer(sender, url, max_bytes);
    // The connection is driven here: it ends with the answer, or when this future is dropped.
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

async fn answer(mut sender: SendRequest<Empty<Bytes>>, url: &Url, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let request = Request::get(&url.path).header(HOST, url.authority()).header(ACCEPT, "application/json");
    let request = request.body(Empty::new()).map_err(failed)?;
    let response = sender.send_request(request).await.map_err(failed)?;
    if response.status() != 200 {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), max_bytes).collect().await.map_err(too_big)?;
    Ok(body.to_bytes().to_vec())
}

fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> FetchError {
    FetchError::Failed(error.into())
}

fn too_big(error: Box<dyn Error + Send + Sync>) -> FetchError {
    if error.is::<LengthLimitError>() { FetchError::TooBig } else { FetchError::Failed(error) }
}
