//! One row: a client that vanishes in a phase, and what is left of it.

use std::{
    future::{pending, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use interop::handlers::bye;
use portcullis_core::Connection;
use tokio::time::timeout;

use super::{
    client::Client,
    handlers::HALF,
    server::Server,
    table::{By, Phase, Protocol, Way},
};

/// Longer than any row takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Less than is looked at of a client whose input is delayed, and more.
const SOME: usize = 100;
const MUCH: usize = 6000;

/// Runs a row. Returns how long it took until everything was freed.
pub(super) async fn run(phase: Phase, way: Way, protocol: Protocol, by: By) -> Duration {
    let (mut server, address) = Server::start(phase, way, protocol, by).await;
    let mut client = Client::connect(&address, protocol, way).await;
    let (connection, go_on) = timeout(PATIENCE, server.arrived.recv()).await.expect("it arrives").unwrap();
    let mut closed = pin!(connection.closed());
    // From here on, it learns of the end after what was held.
    let lives = poll_fn(|cx| Poll::Ready(closed.as_mut().poll(cx).is_pending())).await;
    assert!(lives, "{phase:?} {way:?} {protocol:?}");
    assert_eq!((server.limit.live(), server.registry.count()), (1, 1), "{phase:?} {way:?} {protocol:?}");
    go_on.send(()).expect("its handler waits");
    let reached = reach(phase, way, by, &mut client, &mut server, &connection);
    timeout(PATIENCE, reached).await.expect("the phase is reached");
    let began = Instant::now();
    let staying = async {
        match way {
            Way::Silence | Way::Shut => pending().await,
            Way::Fin | Way::Reset => {
                client.vanish(way, protocol).await;
                pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = staying => unreachable!("it stays until the end"),
        ended = timeout(PATIENCE, closed) => drop(ended.expect("the connection ends")),
    }
    let took = began.elapsed();
    assert_eq!((server.limit.live(), server.registry.count()), (0, 0), "{phase:?} {way:?} {protocol:?}");
    if !matches!(phase, Phase::Busy | Phase::HalfAFrame) {
        timeout(PATIENCE, server.handler_ends()).await.expect("the handler returns");
    }
    took
}

/// Brings the connection to the phase in which its client vanishes.
async fn reach(phase: Phase, way: Way, by: By, client: &mut Client, server: &mut Server, connection: &Connection) {
    if phase != Phase::Upgrading {
        client.opened().await;
    }
    match (phase, way) {
        (Phase::Open | Phase::HalfAFrame, Way::Shut) | (Phase::Upgrading, _) => server.progress().await,
        (Phase::Open, _) => client.echoes(1).await,
        (Phase::Delayed, _) => {
            client.echoes(if by == By::Ping { MUCH } else { SOME }).await;
            if way == Way::Shut {
                server.progress().await;
            }
        }
        (Phase::Busy, _) => {
            client.send(b"\x81\x80\0\0\0\0").await;
            server.progress().await;
        }
        (Phase::HalfAFrame, _) => client.reads(HALF).await,
        (Phase::FirstMessage, Way::Shut) => client.pings(60).await,
        (Phase::FirstMessage, _) => {}
        (Phase::Closing, Way::Shut) => {
            server.progress().await;
            connection.close(bye());
        }
        (Phase::Closing, _) => {
            connection.close(bye());
            client.reads(b"\x88\x0b\x03\xf4back soon").await;
        }
    }
}
