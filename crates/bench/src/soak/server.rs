//! The server that is soaked.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    middleware::map_request,
    response::Response,
    routing::{any, get},
};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_core::{CloseCode, CloseFrame, Connections, GuardLayer, settings::Closing};
use portcullis_jwt::JwtLayer;
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::{net::TcpListener, time::interval};
use tower::ServiceBuilder;

use super::standing::Standing;
use crate::{
    credentials::{self, User},
    kept::is_data,
    runtime,
};

const SECOND: Duration = Duration::from_secs(1);

/// Serves until it is killed, and prints its address first.
pub(crate) fn serve() -> io::Result<()> {
    runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        let (connections, limit) = (Connections::new(), ConnectionLimitLayer::new().global(10_000).per_client_ip(100));
        tokio::spawn(kick(connections.clone()));
        let app = guarded(&connections, &limit);
        let standing = get(async move || {
            let standing = Standing::now(limit.live(), connections.count());
            let json = standing.and_then(|standing| serde_json::to_string(&standing).map_err(io::Error::other));
            json.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
        });
        axum::serve(listener, app.merge(Router::new().route("/standing", standing))).await
    })
}

/// Times are what users would set, and a tenth of that.
fn guarded(connections: &Connections, limit: &ConnectionLimitLayer) -> Router {
    let rate = || MessageRateLayer::per_second(20).burst(40).per_subject();
    let delay = MessageRateLayer::per_second(5).per_subject().on_excess(Excess::Delay);
    let proxy = ClientIpLayer::new().trust(["127.0.0.1"]).expect("it is an address");
    let inner = ServiceBuilder::new()
        .layer(MessageSizeLayer::new(64 * 1024).timeout(2 * SECOND))
        .layer(KeepAliveLayer::new().interval(5 * SECOND / 2).timeout(2 * SECOND))
        .layer(IdleTimeoutLayer::new(30 * SECOND))
        .layer(MaxAgeLayer::new(60 * SECOND))
        .layer(WriteTimeoutLayer::new(SECOND));
    let outer = ServiceBuilder::new()
        .layer(CloseLayer::new())
        .layer(GuardLayer::new().closing(Closing::new().timeout(SECOND)))
        .layer(connections.layer())
        .layer(proxy)
        .layer(OriginLayer::new([credentials::ORIGIN]).expect("it is an origin"))
        .layer(HandshakeRateLayer::per_second(100).per_client_ip())
        .layer(limit.clone())
        .layer(JwtLayer::<User>::new(credentials::verifier()))
        .layer(ConnectionLimitLayer::new().per_subject(Limit::new(3).evict_oldest()));
    let fast = Router::new().route("/ws", any(upgrade)).route("/feed", any(upgrade)).layer(rate());
    let slow = Router::new().route("/delayed", any(upgrade)).layer(delay);
    fast.merge(slow).layer(inner).layer(outer).layer(map_request(locate))
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(16 * 1024).on_upgrade(answer)
}

/// Echoes, and answers `more` with more than a client has room for.
async fn answer(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let more = matches!(&message, Message::Text(text) if text.as_str() == "more");
        let answer = if more { Message::binary(vec![0; 1 << 20]) } else { message };
        if is_data(&answer) && socket.send(answer).await.is_err() {
            return;
        }
    }
}

/// Where the peer is, which is a proxy.
async fn locate(mut request: Request) -> Request {
    request.extensions_mut().insert(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711)));
    request
}

/// Closes a few now and then, and aborts some of them.
async fn kick(connections: Connections) {
    let mut turns = interval(SECOND / 4);
    loop {
        turns.tick().await;
        for connection in connections.find(|_| fastrand::u8(..) == 0) {
            if fastrand::bool() {
                connection.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "kicked"));
            } else {
                connection.abort();
            }
        }
    }
}
