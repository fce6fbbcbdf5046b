//! What is measured by the clock.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use crate::{
    child::Server,
    client::{self, Client},
    load::Load,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

const SCRATCH: usize = 64 * 1024;

/// How a server is used.
enum Use {
    Echo { path: &'static str, connections: usize, load: Load },
    Handshakes { at_once: usize },
}

/// Measures and prints, one use after the other.
pub(crate) fn all(plan: &Plan) -> io::Result<()> {
    report::speed_head(["core / bare", "rate / bare"]);
    for (name, what) in uses() {
        report::speed(name, &rounds(plan, &what, Side::RATES)?);
    }
    report::speed_head(["core / bare", "every / bare"]);
    let [one, hundred, batched, _, handshakes] = uses();
    for (name, what) in [batched, one, hundred, handshakes] {
        report::speed(name, &rounds(plan, &what, Side::LAYERS)?);
    }
    Ok(())
}

fn uses() -> [(&'static str, Use); 5] {
    let echo = |path, connections, load| Use::Echo { path, connections, load };
    [
        ("echo, 1 connection", echo("flush", 1, Load::new(16, 64))),
        ("echo, 100 connections", echo("flush", 100, Load::new(16, 1))),
        ("echo, batched", echo("batch", 1, Load::new(16, 32 * 1024))),
        ("echo, 64 KiB messages", echo("flush", 1, Load::new(64 * 1024, 4))),
        ("handshakes", Use::Handshakes { at_once: 16 }),
    ]
}

fn rounds(plan: &Plan, what: &Use, sides: [Side; 3]) -> io::Result<Vec<Round>> {
    let [bare, second, third] = sides.map(Server::start);
    let servers = [bare?, second?, third?];
    for server in &servers {
        what.rate(server.addr, plan.span / 4)?;
    }
    (0..plan.rounds).map(|round| one_round(plan, what, &servers, round)).collect()
}

/// Each round begins with another side.
fn one_round(plan: &Plan, what: &Use, servers: &[Server; 3], round: usize) -> io::Result<Round> {
    let mut rates = Round::default();
    for turn in 0..servers.len() {
        let side = (round + turn) % servers.len();
        rates[side] = what.rate(servers[side].addr, plan.span)?;
    }
    Ok(rates)
}

impl Use {
    /// How many a second.
    fn rate(&self, addr: SocketAddr, span: Duration) -> io::Result<f64> {
        runtime::new()?.block_on(async {
            match self {
                Self::Echo { path, connections, load } => echoes(addr, path, *connections, load, span).await,
                Self::Handshakes { at_once } => handshakes(addr, *at_once, span).await,
            }
        })
    }
}

async fn echoes(addr: SocketAddr, path: &str, connections: usize, load: &Load, span: Duration) -> io::Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::new(client::connect(addr).await?, path, SCRATCH).await?);
    }
    let start = Instant::now();
    let tasks = clients.into_iter().map(|client| tokio::spawn(echo_until(client, load.clone(), start + span)));
    let counts = try_join_all(tasks).await?;
    let elapsed = start.elapsed();
    per_second(counts.into_iter().sum::<io::Result<u64>>()?, elapsed)
}

async fn echo_until(mut client: Client<tokio::net::TcpStream>, load: Load, end: Instant) -> io::Result<u64> {
    let mut messages = 0;
    while Instant::now() < end {
        client.round(&load).await?;
        messages += load.messages;
    }
    Ok(messages)
}

async fn handshakes(addr: SocketAddr, at_once: usize, span: Duration) -> io::Result<f64> {
    let start = Instant::now();
    let tasks = (0..at_once).map(|_| tokio::spawn(shake_until(addr, start + span)));
    let counts = try_join_all(tasks).await?;
    let elapsed = start.elapsed();
    per_second(counts.into_iter().sum::<io::Result<u64>>()?, elapsed)
}

async fn shake_until(addr: SocketAddr, end: Instant) -> io::Result<u64> {
    let mut done = 0;
    while Instant::now() < end {
        client::upgrade(&mut client::connect(addr).await?, "flush").await?;
        done += 1;
    }
    Ok(done)
}

/// Counts stay far below 2^32.
fn per_second(count: u64, elapsed: Duration) -> io::Result<f64> {
    let count = u32::try_from(count).map_err(io::Error::other)?;
    Ok(f64::from(count) / elapsed.as_secs_f64())
}
