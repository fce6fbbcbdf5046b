//! The application, and the layers around it.

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    response::{Html, Response},
    routing::{any, get},
};
use portcullis::{
    CloseCode, CloseLayer, Connection, Connections, GuardLayer, connections::ConnectionLimitLayer, jwt::JwtLayer,
    liveness::Drain, origin::OriginLayer, rate_limit::MessageRateLayer,
};
use serde_json::Value;
use tower::ServiceBuilder;

use crate::{Result, page::PAGE, tokens};

/// The maximum number of connections of a site.
pub const SEATS: usize = 8;

/// A page, and at `/ws` an echo for its script.
pub(crate) fn app(connections: &Connections, drain: &Drain) -> Result<Router> {
    let layers = ServiceBuilder::new()
        .layer(CloseLayer::new())
        .layer(drain.layer())
        .layer(GuardLayer::new())
        .layer(connections.layer())
        .layer(OriginLayer::same_origin())
        .layer(ConnectionLimitLayer::new().global(SEATS))
        .layer(JwtLayer::<Value>::new(tokens::verifier()?).bearer().subprotocol("bearer"))
        .layer(MessageRateLayer::per_second(1).burst(5));
    Ok(Router::new().route("/ws", any(upgrade)).layer(layers).route("/", get(Html(PAGE))))
}

async fn upgrade(upgrade: WebSocketUpgrade, connection: Connection) -> Response {
    upgrade.on_upgrade(connection.supervise(echo))
}

/// Echoes until a message is a command to end.
async fn echo(mut socket: WebSocket) -> std::result::Result<(), (CloseCode, &'static str)> {
    while let Some(Ok(message)) = socket.recv().await {
        match message.to_text() {
            Ok("leave") => break,
            Ok("fail") => return Err((CloseCode::UNSUPPORTED_DATA, "no such command")),
            // The default hook would print a backtrace into the output of a test that succeeds.
            Ok("panic") => std::panic::resume_unwind(Box::new("a bug in the handler")),
            _ => {}
        }
        if socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}
