//! Serves until it is stopped.

use std::net::SocketAddr;

use socketioxide::TransportType;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://127.0.0.1:3000/socket.io/");
    let app = socketio::app([TransportType::Polling, TransportType::Websocket]);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}
