//! Starts two servers, connects a hundred clients to the first, sends it a SIGTERM, and watches the clients move to the
//! second.
//!
//! Each client numbers its messages, and sends each until it is acknowledged. A server records a message, which takes a
//! moment, and acknowledges it. It does not know about the other server, so it would record a message that is sent
//! again a second time. Exits with 0 only if every message was recorded once and acknowledged once, and every client
//! received the reason for its close.
//!
//! `deploy serve` runs a single server, to which you can send the signal yourself.

mod child;
mod client;
mod server;
mod table;

use std::{env, error::Error, process::ExitCode, sync::Arc, time::Duration};

use tokio::{sync::Barrier, task::JoinSet, time::sleep};

use crate::{child::Child, client::Observations};

/// Any error: the example only prints it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CLIENTS: usize = 100;
/// Messages per client.
const MESSAGES: u32 = 150;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => deploy().await,
        ["serve"] => server::run().await.map(|()| true),
        _ => Err("usage: deploy [serve]".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("deploy: {error}");
            ExitCode::from(2)
        }
    }
}

async fn deploy() -> Result<bool> {
    let servers = [Child::start()?, Child::start()?];
    let addresses = servers.each_ref().map(Child::address);
    let connected = Arc::new(Barrier::new(CLIENTS + 1));
    let mut clients = JoinSet::new();
    for id in 0..CLIENTS {
        clients.spawn(client::run(id, addresses, connected.clone()));
    }
    connected.wait().await;
    println!("{CLIENTS} clients are connected to the first server, which now gets a SIGTERM");
    sleep(Duration::from_millis(500)).await;
    let [mut first, mut second] = servers;
    first.terminate()?;
    let observations: Vec<Observations> = clients.join_all().await;
    second.terminate()?;
    let reports = [first.report()?, second.report()?];
    Ok(table::print(&observations, &reports))
}
