//! Serves one of them until the process is ended.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{SOON, by_hand, ours};
use crate::{Result, token};

/// How long a client may take for the head of a request.
const HEAD: Duration = SOON.saturating_mul(2);

/// Allows bursts of `burst` messages, and many sockets if that is large.
#[tokio::main]
pub(crate) async fn serve(name: &str, port: &str, burst: &str) -> Result<()> {
    token::install();
    let burst = burst.parse()?;
    let sockets = if burst > 1000 { 100_000 } else { 20 };
    let app = match name {
        "ours" => ours::app(burst, sockets)?,
        "by-hand" => by_hand::app(burst, sockets),
        _ => return Err(format!("there is no server {name}").into()),
    };
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(connection(stream, peer, app.clone()))),
            // Usually there is no descriptor left.
            Err(_) => sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Serves a connection as `axum::serve` does, but with a deadline: for the first request from the start of the
/// connection, and for later ones from the previous response.
async fn connection(stream: TcpStream, peer: SocketAddr, app: Router) {
    // A failure to disable Nagle's algorithm is harmless.
    let _failed = stream.set_nodelay(true);
    let asked = Arc::new(Notify::new());
    let ask = asked.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        ask.notify_one();
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.http2().timer(TokioTimer::new()).enable_connect_protocol();
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        // The client has left, or was closed.
        _ended = connection.as_mut() => return,
        // hyper's own deadline begins when it knows the version of HTTP.
        first = timeout(HEAD, asked.notified()) => if first.is_err() { return },
    }
    let _ended = connection.await;
}
