//! Serves HTTP/1.1 and HTTP/2, as the client chooses, with WebSockets over both.

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Serves all connections, over TLS if there is an acceptor.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(accept(stream, tls.clone(), app.clone()));
    }
}

async fn accept(stream: TcpStream, tls: Option<TlsAcceptor>, app: Router) {
    let Some(tls) = tls else { return serve(stream, app).await };
    // Browsers open connections that they do not use.
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, app).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    // Tests check on the page how a connection ended.
    let _ended = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app)).await;
}
