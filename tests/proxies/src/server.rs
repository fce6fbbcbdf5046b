//! The guarded server.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::Version,
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use portcullis::{
    Connection, Connections,
    connections::ClientIpLayer,
    liveness::{Drain, WriteTimeoutLayer},
    rate_limit::MessageRateLayer,
};
use proxy_protocol::ProxyListener;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::mpsc,
};
use tower::ServiceBuilder;

use crate::{certificate::Certificate, front::Front};

/// The address of the proxies, which are trusted.
const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server behind a proxy.
pub struct Server {
    /// The address for the proxy.
    pub address: SocketAddr,
    /// The drain that stops it.
    pub drain: Drain,
    /// Receives a message when an endlessly sending handler has ended.
    pub freed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Serves the protocol of a proxy.
    pub async fn start(front: Front, certificate: &Certificate) -> Self {
        let listener = TcpListener::bind((PROXY, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, freed) = mpsc::unbounded_channel();
        let drain = Drain::new();
        let by_header = front != Front::HaproxyTcp;
        let trusted: &[&str] = if by_header { &["127.0.0.1"] } else { &[] };
        let layers = ServiceBuilder::new()
            .layer(drain.layer())
            .layer(ClientIpLayer::new().trust(trusted).unwrap())
            .layer(MessageRateLayer::per_second(1).burst(10))
            .layer(WriteTimeoutLayer::new(Duration::from_secs(1)));
        let route = any(async move |version: Version, upgrade: WebSocketUpgrade, connection: Connection| -> Response {
            let upgrade = upgrade.read_buffer_size(16 * 1024);
            upgrade.on_upgrade(move |socket| talk(socket, connection, version, sender.clone()))
        });
        let app = Router::new().route("/ws", route).layer(layers);
        if by_header {
            tokio::spawn(serve(listener, app, front.has_tls_behind().then(|| certificate.acceptor())));
        } else {
            let listener = ProxyListener::new(listener, [IpAddr::from(PROXY)]).unwrap().tap_io(|_| {});
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        }
        Self { address, drain, freed }
    }

    /// The live connections.
    pub fn connections(&self) -> &Connections {
        self.drain.connections()
    }
}

async fn serve(listener: TcpListener, app: Router, tls: Option<tokio_rustls::TlsAcceptor>) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (app, tls) = (app.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                // A proxy may connect only to check that the server is there.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_on(stream, peer, app).await;
                    }
                }
                None => serve_on(stream, peer, app).await,
            }
        });
    }
}

async fn serve_on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr, app: Router) {
    let app =
        ServiceBuilder::new().map_request(move |request: axum::http::Request<_>| with_peer(request, peer)).service(app);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    let _client_may_leave =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app)).await;
}

fn with_peer<B>(mut request: Request<B>, peer: SocketAddr) -> Request<B> {
    request.extensions_mut().insert(peer);
    request
}

/// Reports the client's address and the version of HTTP, echoes, or sends endlessly.
async fn talk(mut socket: WebSocket, connection: Connection, version: Version, sender: mpsc::UnboundedSender<()>) {
    while let Some(Ok(message)) = socket.recv().await {
        let answer = match message {
            Message::Text(text) if text == "where am I" => Message::text(
                connection.client_ip().map(|address| format!("{address}, by {version:?}")).unwrap_or_default(),
            ),
            Message::Text(text) if text == "news" => {
                while socket.send(Message::binary(vec![7; 64 * 1024])).await.is_ok() {}
                return sender.send(()).unwrap();
            }
            Message::Text(text) => Message::Text(text),
            _ => continue,
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}
