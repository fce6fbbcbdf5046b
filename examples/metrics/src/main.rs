//! A guarded echo server, its metrics in the Prometheus format, and a page that plots them.
//!
//! What your own server needs is in [`record`]: it installs a recorder, describes the metrics, and renders them at
//! `/metrics`. The [`app`] does not know about it. The page plots what it reads there, and its buttons start
//! [`traffic`].

mod app;
mod page;
mod record;
mod source;
mod traffic;

use std::{env, error::Error, net::SocketAddr};

use tokio::net::TcpListener;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "usage: metrics-example [--port N]  (3000 by default; 0 for any free port)";

#[tokio::main]
async fn main() -> Result<()> {
    let prometheus = record::install()?;
    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    let address = listener.local_addr()?;
    println!("http://{address}");
    let app = app::guarded()?.merge(record::routes(prometheus)).merge(traffic::routes(address)).merge(page::routes());
    let app = app.layer(axum::middleware::from_fn(page::local_only));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

fn port() -> Result<u16> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        None => Ok(3000),
        Some("--port") => Ok(arguments.next().ok_or(USAGE)?.parse()?),
        Some(_) => Err(USAGE.into()),
    }
}
