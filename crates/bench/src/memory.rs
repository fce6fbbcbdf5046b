//! What an idle connection weighs.

use std::{io, time::Duration};

use crate::{
    child::Server,
    client::{self, Client},
    load::Load,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::Round,
};

/// Weighs and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    let rounds = (0..plan.idle_rounds).map(|_| one_round(plan.idle)).collect::<io::Result<Vec<_>>>()?;
    report::weight(plan.idle, ["core - bare", "rate - bare"], &rounds);
    Ok(())
}

fn one_round(connections: u32) -> io::Result<Round> {
    let mut bytes = Round::default();
    for (index, side) in Side::RATES.into_iter().enumerate() {
        bytes[index] = runtime::new()?.block_on(weigh(side, connections))?;
    }
    Ok(bytes)
}

/// Resident bytes per connection. Each has echoed a message, then nothing happens on it.
async fn weigh(side: Side, connections: u32) -> io::Result<f64> {
    let server = Server::start(side)?;
    let load = Load::new(16, 1);
    let _first = open(&server, &load).await?;
    let before = server.resident()?;
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(open(&server, &load).await?);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let kib = server.resident()?.saturating_sub(before) / 1024;
    let kib = u32::try_from(kib).map_err(io::Error::other)?;
    Ok(f64::from(kib) * 1024.0 / f64::from(connections))
}

async fn open(server: &Server, load: &Load) -> io::Result<Client<tokio::net::TcpStream>> {
    let mut client = Client::new(client::connect(server.addr).await?, "flush", 64).await?;
    client.round(load).await?;
    Ok(client)
}
