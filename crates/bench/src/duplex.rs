//! A whole server in this process, over a pipe in memory: everything it does can be counted.

use std::io;

use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::DuplexStream;

use crate::{client::Client, exact::Shape, load::Load, runtime, server, side::Side};

/// Echoes so many messages, a multiple of the shape's window, and returns what was allocated in them.
pub(crate) fn run(side: Side, shape: Shape, messages: u64) -> io::Result<usize> {
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

async fn connect(side: Side, shape: Shape) -> io::Result<Client<DuplexStream>> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = TowerToHyperService::new(server::router(side));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection.with_upgrades());
    Client::new(ours, shape.path(), 64 * 1024).await
}
