//! An issuer on loopback, which publishes its document and its keys over TLS, or over plain http.

use std::sync::{Arc, Mutex};

use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use portcullis_jwt::{Verified, Verify, jwks::Discover};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::sign::encode;

/// What an issuer answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Json(Value),
    Text(&'static str),
    Status(u16),
    /// To a place that would answer well.
    Redirect(String),
    /// Without an end.
    Endless,
    Silent,
}

/// An issuer that answers as a test says.
#[derive(Clone)]
pub(crate) struct Issuer {
    /// Where it is.
    pub(crate) url: String,
    published: Arc<Mutex<Published>>,
}

struct Published {
    document: Answer,
    keys: Answer,
    /// The paths that were asked for.
    asked: Vec<String>,
    /// Bytes of answers without an end.
    sent: usize,
}

impl Issuer {
    pub(crate) async fn https() -> Self {
        Self::listen(Some(acceptor())).await
    }

    pub(crate) async fn http() -> Self {
        Self::listen(None).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let published =
            Published { document: Answer::Status(404), keys: Answer::Status(404), asked: Vec::new(), sent: 0 };
        let issuer = Self { url, published: Arc::new(Mutex::new(published)) };
        issuer.document(&issuer.url);
        let serving = issuer.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (issuer, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => issuer.serve(stream).await,
                        // A client that does not trust us ends here.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => issuer.serve(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        issuer
    }

    /// Publishes a document of an issuer's name, with the keys beside it.
    pub(crate) fn document(&self, issuer: &str) {
        self.answers(Answer::Json(json!({"issuer": issuer, "jwks_uri": self.at("/keys")})));
    }

    pub(crate) fn answers(&self, document: Answer) {
        self.published.lock().unwrap().document = document;
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        self.keys(Answer::Json(json!({"keys": keys})));
    }

    pub(crate) fn keys(&self, keys: Answer) {
        self.published.lock().unwrap().keys = keys;
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What was asked for since this was called last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.published.lock().unwrap().asked)
    }

    /// How much was taken of answers without an end, as far as this machine's buffers say.
    pub(crate) fn sent(&self) -> usize {
        self.published.lock().unwrap().sent
    }

    /// Answers one request. `None` if the client has had enough.
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.ok()?);
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.strip_prefix("GET ").unwrap().split(' ').next().unwrap();
        let answer = {
            let mut published = self.published.lock().unwrap();
            published.asked.push(path.to_owned());
            let of_keys = ["keys", "jwks", "certs"].iter().any(|word| path.contains(word));
            if of_keys { published.keys.clone() } else { published.document.clone() }
        };
        let (head, body) = match answer {
            Answer::Json(value) => ("200 OK".to_owned(), value.to_string()),
            Answer::Text(text) => ("200 OK".to_owned(), text.to_owned()),
            Answer::Status(status) => (format!("{status} No"), String::new()),
            Answer::Redirect(to) => (format!("302 Found\r\nlocation: {to}"), String::new()),
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                loop {
                    stream.write_all(&[b' '; 4096]).await.ok()?;
                    self.published.lock().unwrap().sent += 4096;
                }
            }
            Answer::Silent => std::future::pending().await,
        };
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }
}

/// Trusts the issuers here, as the servers of an application trust those of its network.
pub(crate) fn trusting(discover: Discover) -> Discover {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    discover.tls(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../keys/tls.key.pem")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate()], key).unwrap()))
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("../keys/tls.cert.pem")).unwrap()
}

/// One of an issuer's two RSA keys.
#[derive(Clone, Copy)]
pub(crate) enum Pair {
    One,
    Other,
}

impl Pair {
    fn private(self) -> EncodingKey {
        let _installed_before = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        EncodingKey::from_rsa_pem(match self {
            Self::One => include_bytes!("../keys/rsa2048.pem"),
            Self::Other => include_bytes!("../keys/other.pem"),
        })
        .unwrap()
    }

    /// The public key, by a name, with members of the issuer's own.
    pub(crate) fn jwk(self, kid: &str, more: &Value) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), Algorithm::RS256).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = kid.into();
        jwk.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        jwk
    }

    /// A token of this key.
    pub(crate) fn sign(self, kid: &str, typ: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        (header.kid, header.typ) = (Some(kid.to_owned()), typ.map(str::to_owned));
        let message = format!("{}.{}", encode(serde_json::to_string(&header).unwrap()), encode(claims.to_string()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private(), Algorithm::RS256).unwrap();
        format!("{message}.{signature}")
    }
}

/// Why a token is refused, in words.
pub(crate) async fn judge(verifier: &impl Verify<Value>, token: &str) -> Result<Verified<Value>, String> {
    verifier.verify(token).await.map_err(|error| error.to_string())
}
