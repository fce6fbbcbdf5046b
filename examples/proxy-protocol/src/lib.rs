//! The client's address from the PROXY protocol, and only from trusted proxies.

mod listener;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use portcullis::{
    Connection,
    connections::{ClientIpLayer, ConnectionLimitLayer},
};
use tower::ServiceBuilder;

pub use self::listener::ProxyListener;

/// Echoes messages with the address of the client. Allows two connections per address.
pub fn app() -> Router {
    let layers = ServiceBuilder::new()
        .layer(ClientIpLayer::new()) // trusts no header: the listener provides the address
        .layer(ConnectionLimitLayer::new().per_client_ip(2));
    Router::new().route("/ws", any(upgrade)).layer(layers)
}

async fn upgrade(upgrade: WebSocketUpgrade, connection: Connection) -> Response {
    let address = connection.client_ip().map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    upgrade.read_buffer_size(16 * 1024).on_upgrade(connection.supervise(move |socket| echo(socket, address)))
}

async fn echo(mut socket: WebSocket, address: String) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        socket.send(Message::text(format!("{} from {address}", message?.to_text()?))).await?;
    }
    Ok(())
}
