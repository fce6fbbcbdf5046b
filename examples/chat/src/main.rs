//! A chat in a browser, with a button for everything that a client can do wrong.
//!
//! The layers that guard it are in [`app`]. Everything else is a chat: the [`rooms`], the handler of a connection in
//! [`talk`](mod@talk), the [`session`] that issues tokens, the [`panel`] that shows what happens, and the [`source`]
//! lines to which the buttons of the page link.

mod app;
mod name;
mod page;
mod panel;
mod rooms;
mod session;
mod source;
mod talk;
#[cfg(test)]
mod tests;

use std::{env, error::Error, net::SocketAddr, time::Duration};

use axum::serve::ListenerExt;
use portcullis::liveness::Drain;
use tokio::net::TcpListener;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "usage: chat [--port N]  (or PORT in the environment; 0 for any free port)";

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    println!("http://{}", listener.local_addr()?);
    serve(listener).await
}

/// Serves until Ctrl-C is pressed and all connections are drained.
async fn serve(listener: TcpListener) -> Result<()> {
    let drain = Drain::new().window(Duration::from_secs(1));
    let app = app::app(&drain)?.into_make_service_with_connect_info::<SocketAddr>();
    // Nagle's algorithm would delay messages. A failure to disable it is harmless.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app).with_graceful_shutdown(drain.on(tokio::signal::ctrl_c())).await?;
    println!("{}", drain.drained().await);
    Ok(())
}

/// The port from the command line, the environment, or 3000.
fn port() -> Result<u16> {
    let mut arguments = env::args().skip(1);
    let port = match arguments.next().as_deref() {
        Some("--port") => arguments.next().ok_or(USAGE)?,
        Some(_) => return Err(USAGE.into()),
        None => env::var("PORT").unwrap_or_else(|_| "3000".into()),
    };
    port.parse().map_err(|_| USAGE.into())
}
