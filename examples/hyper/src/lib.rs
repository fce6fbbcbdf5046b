//! A guarded server on hyper alone: an accept loop, tower's `ServiceBuilder`, and hyper-tungstenite.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use hyper_tungstenite::{HyperWebsocket, tungstenite::Error};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use portcullis::{
    Connection,
    connections::{ClientIpLayer, ConnectionLimitLayer},
    liveness::{Drain, KeepAliveLayer},
    rate_limit::MessageRateLayer,
};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, service_fn};

/// How long a client may take for the head of a request. hyper has no limit without a timer.
const HEAD: Duration = Duration::from_secs(10);

/// Serves until `stop` completes, and then drains: every client is closed with 1012.
pub async fn serve(listener: TcpListener, stop: impl Future) {
    let drain = Drain::new();
    // Built once: the layers count across all connections.
    let service = ServiceBuilder::new()
        .layer(drain.layer()) // at shutdown: closes every connection with 1012
        .layer(ClientIpLayer::new()) // the client's address
        .layer(ConnectionLimitLayer::new().global(10_000).per_client_ip(4)) // live connections, not requests
        .layer(MessageRateLayer::per_second(20).burst(40)) // excess closes with 1008
        .layer(KeepAliveLayer::new()) // closes connections whose peer is gone
        .service(service_fn(handle));
    let mut drained = std::pin::pin!(async {
        stop.await;
        drain.start().await
    });
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            _ = &mut drained => return,
        };
        let service = service.clone();
        tokio::spawn(async move {
            let _client_may_have_left = stream.set_nodelay(true);
            // Without a framework, put the peer's address into each request.
            let service = ServiceBuilder::new().map_request(move |request| with_peer(request, peer)).service(service);
            let mut server = auto::Builder::new(TokioExecutor::new());
            server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
            server.http2().enable_connect_protocol(); // WebSockets over HTTP/2
            let connection =
                server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
            let _client_may_leave = connection.await;
        });
    }
}

/// Accepts the next connection. Clients can cause an error, for example by opening as many connections as the process
/// may have files, and it must not end the server.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                eprintln!("hyper: cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn with_peer(mut request: Request<Incoming>, peer: SocketAddr) -> Request<Incoming> {
    request.extensions_mut().insert(peer);
    request
}

/// Upgrades a handshake, or responds to a plain request.
async fn handle(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // Without a guarding layer there is no `Connection`, and nothing is upgraded.
    let Some(connection) = request.extensions().get::<Connection>().cloned() else {
        return Ok(Response::new(Full::from("connect with a WebSocket\n")));
    };
    let Ok((response, socket)) = hyper_tungstenite::upgrade(&mut request, None) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    tokio::spawn(connection.supervise(echo)(socket));
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// The handler. `supervise` closes with the code of its error.
async fn echo(socket: HyperWebsocket) -> Result<(), Error> {
    let mut socket = socket.await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
