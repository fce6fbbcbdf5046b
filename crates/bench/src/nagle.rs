//! What a server loses that leaves Nagle's algorithm on: a small answer waits for the acknowledgement of the one before
//! it, which the client's kernel puts off for 40 ms in the hope of something to send it along with.

use std::{io, time::Instant};

use crate::{
    child::Server,
    client::{self, Client},
    load::Load,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

/// Small messages that a client sends together, and that are answered one by one.
const PIPELINED: usize = 4;

/// Rounds before what is measured: a kernel acknowledges the first segments of a connection at once.
const WARM: u32 = 20;

/// Measures and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    report::nagle_head(PIPELINED);
    report::nagle("with TCP_NODELAY", &rounds(plan, Server::start)?);
    report::nagle("without", &rounds(plan, Server::start_with_nagle)?);
    Ok(())
}

fn rounds(plan: &Plan, start: impl Fn(Side) -> io::Result<Server>) -> io::Result<Vec<Round>> {
    let [bare, core, every] = Side::LAYERS.map(start);
    let servers = [bare?, core?, every?];
    (0..plan.slow_rounds)
        .map(|_| {
            let mut millis = Round::default();
            for (millis, server) in millis.iter_mut().zip(&servers) {
                *millis = runtime::new()?.block_on(wait(server, plan.waits))?;
            }
            Ok(millis)
        })
        .collect()
}

/// Milliseconds until all answers are there.
async fn wait(server: &Server, times: u32) -> io::Result<f64> {
    let mut client = Client::new(client::connect(server.addr).await?, "flush", 1024).await?;
    let load = Load::new(16, PIPELINED);
    for _ in 0..WARM {
        client.round(&load).await?;
    }
    let start = Instant::now();
    for _ in 0..times {
        client.round(&load).await?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e3 / f64::from(times))
}
