//! A whole server in this process, over a pipe in memory: everything it does can be counted.

use std::io;

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::DuplexStream;

use crate::{
    client::{self, Client},
    exact::Shape,
    load::Load,
    runtime, server,
    side::Side,
};

/// Does so much of a shape, and returns what was allocated meanwhile.
pub(crate) fn run(side: Side, shape: Shape, count: u64) -> io::Result<usize> {
    if shape == Shape::Handshake { shake(side, count) } else { echo(side, shape, count) }
}

/// Echoes so many messages, a multiple of the shape's window, and returns what was allocated in them.
fn echo(side: Side, shape: Shape, messages: u64) -> io::Result<usize> {
    runtime()?.block_on(async {
        let mut client = connect(side, shape).await?;
        let load = Load::new(16, shape.window());
        for _ in 0..16 {
            client.round(&load).await?;
        }
        crate::allocations::during(async {
            for _ in 0..messages / load.messages {
                client.round(&load).await?;
            }
            Ok(())
        })
        .await
    })
}

/// Opens so many connections, one after the other, each dropped after its handshake. Returns what was allocated.
fn shake(side: Side, handshakes: u64) -> io::Result<usize> {
    runtime()?.block_on(async {
        let service = server::router(side);
        for _ in 0..16 {
            open(service.clone()).await?;
        }
        crate::allocations::during(async {
            for _ in 0..handshakes {
                open(service.clone()).await?;
            }
            Ok(())
        })
        .await
    })
}

/// One connection from its handshake to the end of its handler.
async fn open(service: Router) -> io::Result<()> {
    handshake(service, "").await.map(drop)
}

/// The same with more headers; the status of the answer.
pub(crate) async fn handshake(service: Router, headers: &str) -> io::Result<u16> {
    let (mut ours, theirs) = tokio::io::duplex(4 * 1024);
    let service = TowerToHyperService::new(service);
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    let server = tokio::spawn(connection.with_upgrades());
    let status = client::answer(&mut ours, "flush", headers).await?;
    drop(ours);
    server.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    // The handler and what closes behind it.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    Ok(status)
}

async fn connect(side: Side, shape: Shape) -> io::Result<Client<DuplexStream>> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = TowerToHyperService::new(server::router(side));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection.with_upgrades());
    Client::new(ours, shape.path(), 64 * 1024).await
}
