//! How the server stands before and after.

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    standing::Standing,
    visit::{Ends, Visitor},
};
use crate::{child::Server, runtime};

const CLIENTS: usize = 2000;

/// What ends last is a closing handshake behind a ping that is not answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Soaks a server for a number of minutes, after one to warm up. Succeeds if it comes back to where it was.
pub(crate) fn run(minutes: u32) -> io::Result<ExitCode> {
    let server = Server::start_to_soak()?;
    runtime::new()?.block_on(async {
        let time = Duration::from_secs(60) * minutes;
        println!("A server with every layer and {CLIENTS} clients, for {minutes} minutes.\n");
        println!("{:<10}{}", "", Standing::head());
        println!("{:<10}{}", "new", look(server.addr).await?);
        soak(server.addr, Duration::from_secs(60), &Ends::default()).await?;
        let before = dry(server.addr, None).await?;
        println!("{:<10}{before}", "before");
        let ends = Ends::default();
        soak(server.addr, time, &ends).await?;
        let after = dry(server.addr, Some(&before)).await?;
        println!("{:<10}{after}\n{:<10}{}\n", "after", "bound", Standing::bounds());
        ends.print();
        let well = after.is_back_at(&before);
        println!("\n{}", if well { "it is back where it was" } else { "something is LEFT" });
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Lets clients come for some time, and go all at once.
async fn soak(address: SocketAddr, time: Duration, ends: &Ends) -> io::Result<()> {
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Visitor::new(number, address, ends.clone()).come());
    }
    let start = Instant::now();
    loop {
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            break;
        }
        sleep(left.min(Duration::from_secs(60))).await;
        println!("{:<10}{}", format!("{} s", start.elapsed().as_secs()), look(address).await?);
    }
    clients.shutdown().await;
    Ok(())
}

/// How the server stands once it holds nothing any more, or when patience ends.
async fn dry(address: SocketAddr, before: Option<&Standing>) -> io::Result<Standing> {
    let start = Instant::now();
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = look(address).await?;
        let empty = now.permits == 0 && now.registry == 0;
        // Without anything to compare with, whatever ends soon has ended.
        let done = before.map_or(empty && start.elapsed() > PATIENCE / 2, |before| now.is_back_at(before));
        if done || start.elapsed() > PATIENCE {
            return Ok(now);
        }
    }
}

async fn look(address: SocketAddr) -> io::Result<Standing> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /standing HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("an answer without a body"))?;
    serde_json::from_str(body).map_err(io::Error::other)
}
