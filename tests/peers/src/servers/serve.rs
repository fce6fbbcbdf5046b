//! Serves one of them until the process is ended.

use std::net::SocketAddr;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use super::{by_hand, ours};
use crate::{Result, token};

/// `burst` messages may come at once; many sockets may be open if that is many.
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
    // A failure to switch Nagle's algorithm off changes no outcome.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
