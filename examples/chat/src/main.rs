//! A chat in a browser, with a button for everything that a client may do wrong.
//!
//! What guards it stands in [`app`]: the layers around the chat. Everything else is a chat: [`rooms`], the
//! [`talk`](mod@talk) of one connection, the [`session`] that hands out tokens, the [`panel`] of what happens, and the
//! [`source`] lines that the buttons of the page lead to.

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

const USAGE: &str = "usage: chat [--port N]  (or the environment's PORT; 0 takes any that is free)";

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    println!("http://{}", listener.local_addr()?);
    serve(listener).await
}

/// Serves until Ctrl-C is pressed, and every client has been told.
async fn serve(listener: TcpListener) -> Result<()> {
    let drain = Drain::new().window(Duration::from_secs(1));
    let app = app::app(&drain)?.into_make_service_with_connect_info::<SocketAddr>();
    // Nagle's algorithm would hold answers back; a failure to switch it off changes nothing else.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app).with_graceful_shutdown(drain.on(tokio::signal::ctrl_c())).await?;
    println!("{}", drain.drained().await);
    Ok(())
}

/// The port of the command line, of the environment, or 3000.
fn port() -> Result<u16> {
    let mut arguments = env::args().skip(1);
    let port = match arguments.next().as_deref() {
        Some("--port") => arguments.next().ok_or(USAGE)?,
        Some(_) => return Err(USAGE.into()),
        None => env::var("PORT").unwrap_or_else(|_| "3000".into()),
    };
    port.parse().map_err(|_| USAGE.into())
}
