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
    client::{self, Client},
    load::Load,
    parts::{FASTER, INTERVAL, Part},
    passport,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

/// A ping of the guard's, or of the loop by hand.
pub(crate) const PING: usize = 10;

/// A connection's share of a server.
struct Share {
    bytes: f64,
    /// Microseconds a minute.
    cpu: f64,
}

/// Weighs, and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    let rounds = (0..plan.pinged_rounds).map(|_| one_round(plan)).collect::<io::Result<Vec<_>>>()?;
    let (bytes, cpu): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    report::pinged(plan, &cpu);
    report::weight(plan.pinged, ["by hand - bare", "every - bare"], &bytes);
    Ok(())
}

fn one_round(plan: &Plan) -> io::Result<(Round, Round)> {
    let share = |side, path| runtime()?.block_on(share(side, path, plan));
    let bare = share(Side::Bare, "flush")?;
    let by_hand = share(Side::Bare, "kept")?;
    let alone = share(Side::Alone(Part::KeepAlive), "flush")?;
    let every = share(Side::Every, "flush")?;
    Ok(([bare.bytes, by_hand.bytes, every.bytes], [by_hand.cpu, alone.cpu, every.cpu]))
}

async fn share(side: Side, path: &'static str, plan: &Plan) -> io::Result<Share> {
    let (server, pings) = (Server::start(side)?, Arc::new(AtomicU32::new(0)));
    let load = Load::new(16, 1);
    let _first = open(&server, path, "first", &load).await?;
    let before = server.resident()?;
    for number in 0..plan.pinged {
        let client = open(&server, path, &format!("user {number}"), &load).await?;
        tokio::spawn(answer(client, pings.clone()));
    }
    tokio::time::sleep(INTERVAL).await;
    let bytes = server.resident()?.saturating_sub(before);
    let (cpu, pinged) = (server.cpu()?, pings.load(Ordering::Relaxed));
    tokio::time::sleep(plan.pinged_span).await;
    let cpu = server.cpu()?.saturating_sub(cpu);
    if path == "kept" && pings.load(Ordering::Relaxed) == pinged {
        return Err(io::Error::other("nobody was pinged"));
    }
    let bytes = u32::try_from(bytes / 1024).map_err(io::Error::other)?;
    let connections = f64::from(plan.pinged);
    let minutes = (plan.pinged_span * FASTER).as_secs_f64() / 60.0;
    Ok(Share { bytes: f64::from(bytes) * 1024.0 / connections, cpu: micros(cpu) / minutes / connections })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A connection of somebody, who has echoed a message.
async fn open(server: &Server, path: &str, user: &str, load: &Load) -> io::Result<Client<TcpStream>> {
    let stream = client::connect(server.addr).await?;
    let mut client = Client::of(stream, path, 64, &passport::headers(user)).await?;
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
