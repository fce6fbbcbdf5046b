//! Connections on which nothing happens but pings: what they weigh, and what they cost the server.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::net::TcpStream;

use crate::{
    child::Server,
    client::{self, Client, PING},
    credentials,
    load::Load,
    parts::{FASTER, INTERVAL, Part},
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

/// Weighs, and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    let rounds = (0..plan.slow_rounds).map(|_| one_round(plan)).collect::<io::Result<Vec<_>>>()?;
    let (bytes, cpu): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    report::pinged(plan, &cpu);
    report::weight(plan.pinged, ["by hand - bare", "every - bare"], &bytes);
    Ok(())
}

/// What that number of connections costs a server per minute.
pub(crate) fn cpu(connections: u32) -> io::Result<()> {
    let plan = Plan { pinged: connections, ..Plan::full() };
    let one_round = |_| Ok(ways(&plan)?.1);
    let rounds = (0..plan.rounds).map(one_round).collect::<io::Result<Vec<_>>>()?;
    report::pinged(&plan, &rounds);
    Ok(())
}

fn one_round(plan: &Plan) -> io::Result<(Round, Round)> {
    let bare = run(Side::Bare, "flush", async |idle| Ok(idle.bytes), plan)?;
    let (bytes, cpu) = ways(plan)?;
    Ok(([bare, bytes[0], bytes[2]], cpu))
}

/// Resident bytes and CPU time of those that ping: by hand, by the layer for it, and by every layer.
fn ways(plan: &Plan) -> io::Result<(Round, Round)> {
    let ways = [(Side::Bare, "kept"), (Side::Alone(Part::KeepAlive), "flush"), (Side::Every, "flush")];
    let (mut bytes, mut cpu) = (Round::default(), Round::default());
    for (way, (side, path)) in ways.into_iter().enumerate() {
        (bytes[way], cpu[way]) = run(side, path, async |idle| Ok((idle.bytes, idle.cpu(plan).await?)), plan)?;
    }
    Ok((bytes, cpu))
}

fn run<R>(side: Side, path: &str, look: impl AsyncFnOnce(Idle) -> io::Result<R>, plan: &Plan) -> io::Result<R> {
    runtime::new()?.block_on(async { look(Idle::open(side, path, plan.pinged).await?).await })
}

/// A server and its idle connections.
struct Idle {
    server: Server,
    pings: Arc<AtomicU32>,
    /// Resident, of each connection.
    bytes: f64,
}

impl Idle {
    async fn open(side: Side, path: &str, connections: u32) -> io::Result<Self> {
        let (server, pings) = (Server::start(side)?, Arc::new(AtomicU32::new(0)));
        let load = Load::new(16, 1);
        let _first = open(&server, path, "first", &load).await?;
        let before = server.resident()?;
        for number in 0..connections {
            let client = open(&server, path, &format!("user {number}"), &load).await?;
            tokio::spawn(answer(client, pings.clone()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let kib = server.resident()?.saturating_sub(before) / 1024;
        let kib = u32::try_from(kib).map_err(io::Error::other)?;
        Ok(Self { server, pings, bytes: f64::from(kib) * 1024.0 / f64::from(connections) })
    }

    /// Microseconds that a connection costs the server a minute.
    async fn cpu(&self, plan: &Plan) -> io::Result<f64> {
        // Until all have been pinged for the first time.
        tokio::time::sleep(INTERVAL).await;
        let (before, pinged) = (self.server.cpu()?, self.pings.load(Ordering::Relaxed));
        tokio::time::sleep(plan.pinged_span).await;
        let micros = self.server.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
        if self.pings.load(Ordering::Relaxed) == pinged {
            return Err(io::Error::other("no client was pinged"));
        }
        let minutes = (plan.pinged_span * FASTER).as_secs_f64() / 60.0;
        Ok(micros / minutes / f64::from(plan.pinged))
    }
}

/// A connection of a user that has echoed a message.
async fn open(server: &Server, path: &str, user: &str, load: &Load) -> io::Result<Client<TcpStream>> {
    let stream = client::connect(server.addr).await?;
    let mut client = Client::of(stream, path, 64, &credentials::headers(user)).await?;
    client.round(load).await?;
    Ok(client)
}

/// Answers pings until the server goes.
async fn answer(mut client: Client<TcpStream>, pings: Arc<AtomicU32>) -> io::Result<()> {
    loop {
        client.answer_ping(PING).await?;
        pings.fetch_add(1, Ordering::Relaxed);
    }
}
