//! Clients that authenticate with certificates, and revocation of certificates.

pub mod authority;

use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
    routing::any,
    serve::Listener,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use portcullis::{
    CloseCode, CloseFrame, Connection, Connections,
    connections::{ConnectionLimitLayer, Limit},
    identity::Subject,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
    },
};
use tower::ServiceBuilder;
use webpki::EndEntityCert;

/// How long the TLS handshake may take.
const TLS: Duration = Duration::from_secs(10);

/// How long a client may take for the head of a request. hyper has no limit without a timer.
const HEAD: Duration = Duration::from_secs(10);

/// A server, with its certificate and the authorities that it trusts.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Server {
    identity: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    roots: Arc<RootCertStore>,
    tls: RwLock<Arc<ServerConfig>>,
    connections: Connections,
}

impl Server {
    /// Creates a server that trusts clients with a certificate from `authority`.
    ///
    /// # Errors
    ///
    /// If rustls does not accept a certificate.
    pub fn new(
        identity: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
        authority: &CertificateDer<'static>,
        revoked: CertificateRevocationListDer<'static>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let roots = Arc::new(roots);
        let tls = RwLock::new(config(&identity, &roots, revoked)?);
        Ok(Self { identity, roots, tls, connections: Connections::new() })
    }

    /// Replaces the revocation list, and closes the connections of the subject `name`. TLS checks certificates only
    /// once, so existing connections would otherwise stay open.
    ///
    /// # Errors
    ///
    /// If rustls does not accept the list.
    pub fn revoke(&self, list: CertificateRevocationListDer<'static>, name: &str) -> Result<(), Box<dyn Error>> {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = config(&self.identity, &self.roots, list)?;
        let frame = CloseFrame::new(CloseCode::UNAUTHORIZED, "certificate revoked");
        let _done_at_once_on_one_node = self.connections.close(Subject::new(name), frame);
        Ok(())
    }

    fn tls(&self) -> Arc<ServerConfig> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves until the process ends.
    pub async fn serve(self: Arc<Self>, mut listener: TcpListener) {
        let layers = ServiceBuilder::new()
            .layer(self.connections.layer())
            .layer(ConnectionLimitLayer::new().per_subject(Limit::new(2).evict_oldest()).require_subject());
        let app = Router::new().route("/ws", any(upgrade)).with_state(self.clone()).layer(layers);
        loop {
            // axum's implementation tries again after an error. Clients can cause one, for example by opening as many
            // connections as the process may have files, and it must not end the server.
            let (stream, _) = Listener::accept(&mut listener).await;
            let (app, tls) = (app.clone(), self.tls());
            tokio::spawn(async move {
                // A client that TLS refuses is not served.
                let _gone = serve(stream, tls, app).await;
            });
        }
    }
}

/// Admits only clients with a certificate from the authority that is not revoked.
fn config(
    (chain, key): &(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    roots: &Arc<RootCertStore>,
    revoked: CertificateRevocationListDer<'static>,
) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
    let clients = clients.with_crls([revoked]).build()?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_client_cert_verifier(clients).with_single_cert(chain.clone(), key.clone_key())?))
}

/// Serves one connection. All its requests have the subject of its certificate.
async fn serve(stream: TcpStream, tls: Arc<ServerConfig>, app: Router) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = timeout(TLS, TlsAcceptor::from(tls.clone()).accept(stream)).await??;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or("no certificate")?;
    let subject = subject(certificate)?;
    let app = ServiceBuilder::new().layer(Extension(subject)).layer(Extension(tls)).service(app);
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app)).await
}

/// The first host name in the certificate, which rustls has verified.
fn subject(certificate: &CertificateDer<'_>) -> Result<Subject, Box<dyn Error + Send + Sync>> {
    let certificate = EndEntityCert::try_from(certificate)?;
    Ok(Subject::new(certificate.valid_dns_names().next().ok_or("the certificate has no host name")?))
}

async fn upgrade(
    State(server): State<Arc<Server>>,
    Extension(verified): Extension<Arc<ServerConfig>>,
    upgrade: WebSocketUpgrade,
    connection: Connection,
) -> Result<Response, StatusCode> {
    // The certificate was checked against an older list. By now the connection is in the registry, so a later change of
    // the list closes it.
    if !Arc::ptr_eq(&verified, &server.tls()) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let subject = connection.subject();
    Ok(upgrade.read_buffer_size(16 * 1024).on_upgrade(connection.supervise(move |socket| greet(socket, subject))))
}

async fn greet(mut socket: WebSocket, subject: Option<Subject>) -> Result<(), axum::Error> {
    let name = subject.as_ref().map_or("anonymous", Subject::as_str);
    while let Some(message) = socket.recv().await {
        socket.send(Message::text(format!("{}, {name}", message?.to_text()?))).await?;
    }
    Ok(())
}
