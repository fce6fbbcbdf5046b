//! A whole server in this process, over a pipe in memory: everything it does can be counted.

use std::{io, time::Duration};

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::DuplexStream;

use crate::{
    client::{self, Client, PING},
    credentials, heap,
    load::Load,
    runtime, server,
    shape::Shape,
    side::Side,
};

/// What is counted must not depend on how long it takes.
const NEVER: Duration = Duration::from_secs(3600);

/// How many idle connections are weighed.
pub(crate) const IDLE_CONNECTIONS: u32 = 1024;

/// A ping is counted, not waited for.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Does so much of a shape, and returns what was allocated meanwhile.
pub(crate) fn run(side: Side, shape: Shape, count: u64) -> io::Result<usize> {
    match shape {
        Shape::Handshake => shake(side, credentials::alice(), count),
        Shape::Refused => shake(side, credentials::forged(), count),
        Shape::Ping => ping(side, count),
        Shape::Batch | Shape::Flush => echo(side, shape, count),
    }
}

/// Echoes a number of messages, a multiple of the shape's window, and returns what was allocated in them.
fn echo(side: Side, shape: Shape, messages: u64) -> io::Result<usize> {
    runtime::new()?.block_on(async {
        let mut client = connect(side, shape).await?;
        let load = Load::new(16, shape.window());
        for _ in 0..16 {
            client.round(&load).await?;
        }
        heap::during(async {
            for _ in 0..messages / load.messages {
                client.round(&load).await?;
            }
            Ok(())
        })
        .await
    })
}

/// Answers pings of one connection, and returns what was allocated meanwhile.
fn ping(side: Side, pings: u64) -> io::Result<usize> {
    runtime::new()?.block_on(async {
        let mut client = serve(server::pinging(side, AT_ONCE), side.pinging()).await?;
        client.answer_ping(PING).await?;
        heap::during(async {
            for _ in 0..pings {
                client.answer_ping(PING).await?;
            }
            Ok(())
        })
        .await
    })
}

/// Bytes on the heap that live as long as a connection that is idle: the mean of several.
pub(crate) fn weigh(side: Side, connections: u32) -> io::Result<f64> {
    runtime::new()?.block_on(async {
        let service = server::pinging(side, NEVER);
        let load = Load::new(16, 1);
        let mut clients = Vec::with_capacity(2 * connections as usize);
        let mut open = async |user: u32| {
            let headers = credentials::headers(&format!("user {user}"));
            let mut client = serve_as(service.clone(), "flush", 64, &headers).await?;
            client.round(&load).await?;
            clients.push(client);
            Ok::<_, io::Error>(())
        };
        for user in 0..connections {
            open(user).await?;
        }
        let region = heap::region();
        for user in connections..2 * connections {
            open(user).await?;
        }
        let change = region.change();
        let bytes = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
        Ok(f64::from(u32::try_from(bytes).map_err(io::Error::other)?) / f64::from(connections))
    })
}

/// Opens connections, one after the other, each dropped after its handshake. Returns what was allocated.
fn shake(side: Side, headers: &str, handshakes: u64) -> io::Result<usize> {
    runtime::new()?.block_on(async {
        let service = server::router(side);
        for _ in 0..16 {
            open(service.clone(), headers).await?;
        }
        heap::during(async {
            for _ in 0..handshakes {
                open(service.clone(), headers).await?;
            }
            Ok(())
        })
        .await
    })
}

/// One connection from its handshake to the end of its handler.
async fn open(service: Router, headers: &str) -> io::Result<()> {
    handshake(service, headers).await.map(drop)
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
    serve(server::pinging(side, NEVER), shape.path()).await
}

async fn serve(service: Router, path: &str) -> io::Result<Client<DuplexStream>> {
    serve_as(service, path, 64 * 1024, credentials::alice()).await
}

async fn serve_as(service: Router, path: &str, scratch: usize, headers: &str) -> io::Result<Client<DuplexStream>> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = TowerToHyperService::new(service);
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection.with_upgrades());
    Client::of(ours, path, scratch, headers).await
}
