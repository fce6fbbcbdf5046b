//! Serves until it is stopped, behind a proxy on this machine.

use std::net::{Ipv4Addr, SocketAddr};

use axum::serve::ListenerExt;
use proxy_protocol::{ProxyListener, app};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/ws, for proxies on 127.0.0.1 that speak the PROXY protocol");
    // `tap_io` also provides the `Connected` implementation through which the layers see the listener's address.
    let listener = ProxyListener::new(listener, [Ipv4Addr::LOCALHOST.into()])?;
    let listener = listener.tap_io(|io| drop(io.get_ref().set_nodelay(true)));
    axum::serve(listener, app().into_make_service_with_connect_info::<SocketAddr>()).await
}
