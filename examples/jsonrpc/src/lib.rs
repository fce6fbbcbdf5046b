//! JSON-RPC over WebSockets with jsonrpsee, on a custom accept loop with layers in front.

use std::{net::SocketAddr, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use jsonrpsee_server::{
    BatchRequestConfig, HttpRequest, RegisterMethodError, RpcModule, Server, ServerConfig, stop_channel,
};
use portcullis::{
    connections::{ClientIpLayer, ConnectionLimitLayer},
    liveness::{KeepAliveLayer, MessageSizeLayer},
    rate_limit::MessageRateLayer,
};
use serde_json::{Value, value::to_raw_value};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower::ServiceBuilder;

/// The maximum number of calls in one message. The layers count messages: without this bound, a batch would bypass
/// their limits.
const BATCH: u32 = 10;

/// How long a client may take for the head of a request. hyper has no limit without a timer.
const HEAD: Duration = Duration::from_secs(10);

/// One method and one subscription.
fn methods() -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(());
    module.register_method("say", |params, (), _| params.one::<Value>())?;
    module.register_subscription("subscribe_ticks", "tick", "unsubscribe_ticks", async |_, pending, _, _| {
        let sink = pending.accept().await?;
        for tick in 0_u32.. {
            sink.send(to_raw_value(&tick)?).await?;
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    })?;
    Ok(module)
}

/// Serves until the process ends.
///
/// # Errors
///
/// If two methods have the same name.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let methods = methods()?;
    // Over plain HTTP, each call is a request, which WebSocket layers do not count.
    let config = ServerConfig::builder().ws_only().set_batch_request_config(BatchRequestConfig::Limit(BATCH)).build();
    let rpc = Server::builder().set_config(config).to_service_builder();
    let (stop, _handle) = stop_channel();
    // Built once: the layers count across all connections.
    let layers = ServiceBuilder::new()
        .layer(ClientIpLayer::new())
        .layer(ConnectionLimitLayer::new().global(10_000).per_client_ip(100))
        .layer(MessageRateLayer::per_second(10).burst(20)) // messages that clients send
        .layer(MessageSizeLayer::new(64 * 1024))
        .layer(KeepAliveLayer::new());
    loop {
        let (stream, peer) = accept(&listener).await;
        let service = ServiceBuilder::new()
            .map_request(move |request| with_peer(request, peer)) // for the layers that count by address
            .layer(layers.clone())
            .service(rpc.clone().build(methods.clone(), stop.clone()));
        tokio::spawn(async move {
            let _client_may_have_left = stream.set_nodelay(true);
            let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
            server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
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
                eprintln!("jsonrpc: cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn with_peer<B>(mut request: HttpRequest<B>, peer: SocketAddr) -> HttpRequest<B> {
    request.extensions_mut().insert(peer);
    request
}
