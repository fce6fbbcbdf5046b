//! How bytes reach a server: over plain TCP, over TLS in this process, or over a Unix socket.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::libraries::Bare;

/// Bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Plain,
    /// TLS by rustls, in the server's process.
    Tls,
    /// A Unix socket.
    Unix,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::Unix];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Unix => "Unix",
        })
    }
}

/// The address of a server.
pub enum Address {
    /// Over TCP, with TLS or without.
    Tcp(SocketAddr, Option<TlsConnector>),
    /// A file, which is removed with the address.
    Unix(PathBuf),
}

impl Address {
    /// Connects.
    pub async fn connect(&self) -> Box<dyn Io> {
        let (address, tls) = match self {
            Self::Unix(path) => return Box::new(UnixStream::connect(path).await.unwrap()),
            Self::Tcp(address, tls) => (address, tls),
        };
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match tls {
            Some(tls) => Box::new(tls.connect("localhost".try_into().unwrap(), stream).await.unwrap()),
            None => Box::new(stream),
        }
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        if let Self::Unix(path) = self {
            let _gone_already = std::fs::remove_file(path);
        }
    }
}

/// Serves over a transport, for as long as the runtime lives.
pub async fn serve(service: Bare, transport: Transport) -> Address {
    if transport == Transport::Unix {
        return serve_unix(service);
    }
    let (acceptor, connector) = (transport == Transport::Tls).then(certified).unzip();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (service, acceptor) = (service.clone(), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    Some(tls) => serve_on(tls.accept(stream).await.unwrap(), service).await,
                    None => serve_on(stream, service).await,
                }
            });
        }
    });
    Address::Tcp(address, connector)
}

fn serve_unix(service: Bare) -> Address {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("portcullis-matrix-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_on(stream, service.clone()));
        }
    });
    Address::Unix(path)
}

async fn serve_on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, service: Bare) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    let service = TowerToHyperService::new(service);
    let _client_may_leave = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

/// A server's side of TLS, and that of a client that trusts it.
fn certified() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}
