//! A client for the tests of the examples, the table of results that their READMEs show, and the address that servers
//! of tests listen on.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    reason = "test support fails by panicking, and is not printed"
)]

mod address;
mod client;
mod table;

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

pub use self::{
    address::{own_address, own_port},
    client::{Client, http},
    table::Table,
};

/// Serves an application on a free port of this machine.
pub async fn serve(app: Router) -> SocketAddr {
    let (listener, address) = listen().await;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// Listens on a free port of this machine.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
