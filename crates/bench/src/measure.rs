//! What is measured by the clock.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    child::Server,
    client::{self, Client, Http, Streams},
    load::Load,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

const SCRATCH: usize = 64 * 1024;

/// How a server is used.
pub(crate) enum Use {
    /// Messages of one load, on connections that stand already, or streams of one.
    Echo { http: Http, path: &'static str, connections: usize, load: Load },
    /// Connections that end when they are open, or streams of as many connections.
    Handshakes { http: Http, path: &'static str, at_once: usize },
    /// Handshakes with a token whose signature is wrong.
    Refusals { at_once: usize },
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
    let echo = |path, connections, load| Use::Echo { http: Http::One, path, connections, load };
    [
        ("echo, 1 connection", echo("flush", 1, Load::new(16, 64))),
        ("echo, 100 connections", echo("flush", 100, Load::new(16, 1))),
        ("echo, batched", echo("batch", 1, Load::new(16, 32 * 1024))),
        ("echo, 64 KiB messages", echo("flush", 1, Load::new(64 * 1024, 4))),
        ("handshakes", Use::Handshakes { http: Http::One, path: "flush", at_once: 16 }),
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
        let (count, [begin, end]) = self.count(addr, span, || Ok(Instant::now()))?;
        per_second(count, end.saturating_duration_since(begin))
    }

    /// How many in about so long, and what `mark` returned when that began and when it ended, while the connections
    /// that it needs stood.
    pub(crate) fn count<M>(
        &self,
        addr: SocketAddr,
        span: Duration,
        mark: impl Fn() -> io::Result<M>,
    ) -> io::Result<(u64, [M; 2])> {
        runtime::new()?.block_on(async {
            match self {
                Self::Echo { http: Http::One, path, connections, load } => {
                    let mut clients = Vec::new();
                    for _ in 0..*connections {
                        clients.push(Client::new(client::connect(addr).await?, path, SCRATCH).await?);
                    }
                    echoes(clients, load, span, &mark).await
                }
                Self::Echo { http: Http::Two, path, connections, load } => {
                    let (mut streams, mut clients) = (Streams::connect(addr).await?, Vec::new());
                    for _ in 0..*connections {
                        clients.push(Client::over(streams.open(path).await?, SCRATCH));
                    }
                    echoes(clients, load, span, &mark).await
                }
                Self::Handshakes { http: Http::One, path, at_once } => {
                    let upgrade = async || client::upgrade(&mut client::connect(addr).await?, path).await;
                    repeated(*at_once, span, upgrade, &mark).await
                }
                Self::Handshakes { http: Http::Two, path, at_once } => {
                    let mut connections = Vec::new();
                    for _ in 0..*at_once {
                        connections.push(Streams::connect(addr).await?);
                    }
                    streamed(connections, path, span, &mark).await
                }
                Self::Refusals { at_once } => {
                    let refused = async || client::refused(&mut client::connect(addr).await?).await;
                    repeated(*at_once, span, refused, &mark).await
                }
            }
        })
    }
}

async fn echoes<S, M>(
    clients: Vec<Client<S>>,
    load: &Load,
    span: Duration,
    mark: &impl Fn() -> io::Result<M>,
) -> io::Result<(u64, [M; 2])>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = mark()?;
    let end = Instant::now() + span;
    let tasks = clients.into_iter().map(|client| tokio::spawn(echo_until(client, load.clone(), end)));
    let done = try_join_all(tasks).await?.into_iter().collect::<io::Result<Vec<_>>>()?;
    let marks = [begun, mark()?];
    Ok((done.iter().map(|(messages, _)| messages).sum(), marks))
}

/// Gives the client back, because its end is not to be measured.
async fn echo_until<S>(mut client: Client<S>, load: Load, end: Instant) -> io::Result<(u64, Client<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = 0;
    while Instant::now() < end {
        client.round(&load).await?;
        messages += load.messages;
    }
    Ok((messages, client))
}

/// A number at once, over and over.
async fn repeated<M>(
    at_once: usize,
    span: Duration,
    work: impl AsyncFn() -> io::Result<()>,
    mark: &impl Fn() -> io::Result<M>,
) -> io::Result<(u64, [M; 2])> {
    let begun = mark()?;
    let end = Instant::now() + span;
    let until = async || {
        let mut done = 0;
        while Instant::now() < end {
            work().await?;
            done += 1;
        }
        Ok::<u64, io::Error>(done)
    };
    let counts = try_join_all((0..at_once).map(|_| until())).await?;
    Ok((counts.into_iter().sum(), [begun, mark()?]))
}

async fn streamed<M>(
    connections: Vec<Streams>,
    path: &str,
    span: Duration,
    mark: &impl Fn() -> io::Result<M>,
) -> io::Result<(u64, [M; 2])> {
    let begun = mark()?;
    let end = Instant::now() + span;
    let until = async |mut streams: Streams| {
        let mut done = 0;
        while Instant::now() < end {
            drop(streams.open(path).await?);
            done += 1;
        }
        Ok::<u64, io::Error>(done)
    };
    let counts = try_join_all(connections.into_iter().map(until)).await?;
    Ok((counts.into_iter().sum(), [begun, mark()?]))
}

/// Counts stay far below 2^32.
fn per_second(count: u64, elapsed: Duration) -> io::Result<f64> {
    let count = u32::try_from(count).map_err(io::Error::other)?;
    Ok(f64::from(count) / elapsed.as_secs_f64())
}
