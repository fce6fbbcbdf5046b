//! A node: the same layers, with or without shared limits.

use std::{io::Write, time::Duration};

use axum::{
    Router,
    extract::{
        Path, Request, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
    routing::{any, get, post},
};
use http::{header::HOST, request::Parts};
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_console::{Console, Operator};
use portcullis_core::{CloseCode, CloseFrame, Connections, identity::Subject, shared::Broadcast};
use portcullis_jwt::{JwtLayer, Revocations, Tickets};
use portcullis_quota::Quota;
use portcullis_rate_limit::MessageRateLayer;
use portcullis_redis::{Cluster, WhenAway};
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

use crate::{Result, tokens::AcceptAll};

/// Short, so that the wait after a killed node is short.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
pub(crate) const BEAT: Duration = Duration::from_millis(500);
pub(crate) const DEADLINE: Duration = Duration::from_millis(100);

/// Connections per user.
pub(crate) const CONNECTIONS: usize = 3;
/// Handshakes per user, as a burst.
pub(crate) const HANDSHAKES: u32 = 20;

/// Messages per user, as a burst, and how many of them a node buys at once.
pub(crate) const MESSAGES: u32 = 100;
pub(crate) const BLOCK: u32 = 5;

/// Serves on a free port, and prints the port.
#[tokio::main]
pub(crate) async fn run(redis: Option<&str>) -> Result<()> {
    let cluster = match redis {
        Some(url) => Some(join(url).await?),
        None => None,
    };
    let app = routes(cluster.as_ref()).layer(MapRequestLayer::new(sign_in));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn join(url: &str) -> Result<Cluster> {
    let cluster = Cluster::connect(url).namespace("example").secret("not a secret: this is an example");
    let cluster = cluster.lease(LEASE).beat(BEAT).deadline(DEADLINE).build().await?;
    cluster.ready().await;
    Ok(cluster)
}

/// One line per layer makes the difference.
fn routes(cluster: Option<&Cluster>) -> Router {
    let few = ConnectionLimitLayer::new().per_subject(CONNECTIONS);
    let one = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    let rate = HandshakeRateLayer::new(hourly()).burst(HANDSHAKES).per_subject();
    let (tickets, revocations, connections) = (Tickets::new(10_000), Revocations::new(), Connections::new());
    let messages = MessageRateLayer::new(hourly()).burst(MESSAGES).per_subject();
    let (few, one, rate, messages, tickets, revocations, connections) = match cluster {
        // Refuses while Redis is away. The default is to continue with a share of the limit.
        Some(cluster) => (
            few.shared(&cluster.when_away(WhenAway::Refuse)),
            one.shared(&cluster.scope("one")),
            rate.shared(cluster),
            messages.shared(cluster).block(BLOCK),
            tickets.shared(cluster),
            revocations.shared(cluster),
            connections.shared(cluster),
        ),
        None => (few, one, rate, messages, tickets, revocations, connections),
    };
    let console = Console::new(connections.clone()).limit("few", &few).limit("one", &one).revocations(&revocations);
    let console = match cluster {
        Some(cluster) => console.cluster(cluster),
        None => console,
    };
    let console = console.allow_actions().authorize(operator);
    let tokens = || JwtLayer::new(AcceptAll).query("token").handshakes_only();
    let (ticket, token) = (tokens().single_use(tickets), tokens().revocations(revocations.clone()));
    let registry = connections.layer();
    let revoke = async move |Path(id): Path<String>| announced(revocations.revoke_id(id)).await;
    let kick = async move |Path(user): Path<String>| {
        announced(connections.close(Subject::new(user), CloseFrame::new(CloseCode::POLICY_VIOLATION, "kicked"))).await
    };
    let ready = cluster.cloned();
    let health =
        move || std::future::ready(ready.as_ref().is_none_or(|cluster| cluster.health().is_ready()).to_string());
    Router::new()
        .merge(Router::new().route("/few", any(upgrade)).layer(few))
        .merge(Router::new().route("/one", any(upgrade)).layer(one))
        .merge(Router::new().route("/rate", any(upgrade)).layer(rate))
        .merge(Router::new().route("/messages", any(echo)).layer(messages))
        .merge(Router::new().route("/ticket", any(upgrade)).layer(ticket))
        .merge(Router::new().route("/token", any(upgrade)).layer(token).layer(registry))
        .route("/revoke/{id}", post(revoke))
        .route("/kick/{user}", post(kick))
        .route("/ready", get(health))
        .nest_service("/console", console)
}

/// The response to a revocation or a kick.
async fn announced(broadcast: Broadcast) -> &'static str {
    if broadcast.await.is_ok() { "announced" } else { "not announced" }
}

/// Accepts requests for this machine by its own name. A real server authenticates its operators.
fn operator(parts: &Parts) -> Option<Operator> {
    let host = parts.headers.get(HOST)?.to_str().ok()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost").then(|| Operator::new("example"))
}

/// A burst, and then almost nothing.
fn hourly() -> Quota {
    Quota::per_hour(std::num::NonZeroU32::MIN)
}

/// Sets the subject as a login layer would, but without a login.
fn sign_in(mut request: Request) -> Request {
    let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
    if let Some(user) = user.map(Subject::new) {
        request.extensions_mut().insert(user);
    }
    request
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| while let Some(Ok(_)) = socket.recv().await {})
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message @ Message::Text(_))) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
