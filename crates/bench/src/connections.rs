//! What limits on connections, and a registry of them, add to a handshake.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Instant,
};

use axum::{Router, extract::Request, middleware::map_request};
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer};
use portcullis_core::{Connection, Connections, GuardLayer, GuardedIo, identity::Subject, settings::Settings};
use tokio::io::{DuplexStream, duplex};

use crate::{plan::Plan, report, runtime, server, side::Side, tokens};

const ENTRIES: usize = 100_000;
const TIMED: usize = 1_000;

pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    report::connections_head();
    let routes = || server::router(Side::Bare).layer(map_request(identify));
    let ways = [routes(), routes().layer(GuardLayer::new()), limited()];
    report::speed("global, address, subject", &tokens::rounds(plan, &ways, "", 101)?);
    registry()
}

/// What stands outside knows where the peer is, and who.
async fn identify(mut request: Request) -> Request {
    request.extensions_mut().insert(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4711));
    request.extensions_mut().insert(Subject::new("alice"));
    request
}

fn limited() -> Router {
    let limits = ConnectionLimitLayer::new().global(10_000).per_client_ip(1_000).per_subject(1_000);
    let router = server::router(Side::Bare).layer(limits).layer(ClientIpLayer::new());
    router.layer(Connections::new().layer()).layer(map_request(identify))
}

fn registry() -> io::Result<()> {
    runtime::new()?.block_on(async {
        let connections = Connections::new();
        let mut held: Vec<_> = (0..ENTRIES).map(|_| connection()).collect();
        for (_, connection) in &held {
            connections.insert(connection);
        }
        let more: Vec<_> = (0..TIMED).map(|_| connection()).collect();
        let insert = each(|| more.iter().for_each(|(_, connection)| connections.insert(connection)));
        let start = Instant::now();
        let listed = connections.all().len();
        let iterate = start.elapsed().as_secs_f64() * 1e3;
        if listed != ENTRIES + TIMED {
            return Err(io::Error::other("the registry lost a connection"));
        }
        // The end of a connection, its place in the registry included.
        let ending: Vec<_> = more.into_iter().map(|(guarded, _)| guarded).collect();
        let remove = each(|| drop(ending));
        held.clear();
        report::registry(ENTRIES, insert, remove, iterate);
        Ok(())
    })
}

/// A guarded transport whose peer is gone, so that its end waits for no peer.
fn connection() -> (GuardedIo<DuplexStream>, Connection) {
    let (_, io) = duplex(1);
    GuardedIo::new(io, &Settings::default(), Vec::new())
}

/// Nanoseconds of each of those that are timed together.
fn each(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / 1_000.0
}
