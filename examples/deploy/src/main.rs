//! Starts two servers, connects a hundred clients to the first, sends that a SIGTERM, and watches the clients move to
//! the second.
//!
//! Each client numbers its messages, and sends each until it is acknowledged. A server books a message, which takes a
//! moment, and acknowledges it: it knows of no other server, and would book a message again that is sent again. Exits 0
//! only if every message was booked once and acknowledged once, and every client read why it was closed.
//!
//! `deploy serve` is one server, for whoever wants to send the signal himself.

mod child;
mod client;
mod server;
mod table;

use std::{env, error::Error, process::ExitCode, sync::Arc, time::Duration};

use tokio::{sync::Barrier, task::JoinSet, time::sleep};

use crate::{child::Child, client::Story};

/// Whatever went wrong; the example only reports it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CLIENTS: usize = 100;
/// Of each client.
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
    println!("{CLIENTS} clients talk to the first server, which gets a SIGTERM");
    sleep(Duration::from_millis(500)).await;
    let [mut first, mut second] = servers;
    first.terminate()?;
    let stories: Vec<Story> = clients.join_all().await;
    second.terminate()?;
    let reports = [first.report()?, second.report()?];
    Ok(table::print(&stories, &reports))
}
