//! An axum server whose only protection is tower_governor: twenty requests a second for each address, and two hundred
//! at once. A handshake is one request.

use std::{env, error::Error, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, port, burst] = &arguments[..] else { return Err("usage: peer-governor PORT BURST".into()) };
    let app = Router::new().route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)));
    // When measuring costs, the burst is so large that no limit should be reached.
    let burst: u32 = burst.parse()?;
    let handshakes = if burst > 1000 { 100_000 } else { 200 };
    let limits = GovernorConfigBuilder::default().per_millisecond(50).burst_size(handshakes).finish();
    let app = app.layer(GovernorLayer::new(Arc::new(limits.ok_or("a limit is not zero")?)));
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    // A failure to switch Nagle's algorithm off changes no outcome.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
