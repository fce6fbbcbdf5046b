//! A server alone, in a process of its own under callgrind, whose clients come over TCP.

use std::{
    env,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
};

use futures_util::future::try_join_all;
use tokio::net::TcpStream;

use crate::{
    client::{self, Client, PING},
    credentials,
    functions::Functions,
    load::Load,
    runtime,
    shape::Shape,
    side::Side,
};

/// Connections whose messages are counted together.
const CONNECTIONS: u64 = 100;

/// What one message or handshake costs the server, function by function. `None` where valgrind is not installed.
pub(crate) fn each(side: Side, shape: Shape, times: u64) -> io::Result<Option<Functions>> {
    // Messages come in rounds of all connections.
    let times = times.next_multiple_of(CONNECTIONS * shape.window() as u64);
    let Some(once) = counted(side, shape, times)? else { return Ok(None) };
    let Some(twice) = counted(side, shape, 2 * times)? else { return Ok(None) };
    Ok(Some(twice.each(&once, times)))
}

fn counted(side: Side, shape: Shape, times: u64) -> io::Result<Option<Functions>> {
    let Some(mut server) = Watched::start(side, shape)? else { return Ok(None) };
    runtime::new()?.block_on(drive(server.addr, side, shape, times))?;
    server.end().map(Some)
}

async fn drive(addr: SocketAddr, side: Side, shape: Shape, times: u64) -> io::Result<()> {
    match shape {
        Shape::Flush | Shape::Batch => echo(addr, shape, times).await,
        Shape::Handshake => {
            for _ in 0..times {
                client::upgrade(&mut client::connect(addr).await?, "flush").await?;
            }
            Ok(())
        }
        Shape::Refused => {
            for _ in 0..times {
                client::refused(&mut client::connect(addr).await?).await?;
            }
            Ok(())
        }
        Shape::Ping => pings(addr, side, times).await,
    }
}

/// Answers pings on all connections, each as often, at the interval at which idle connections are measured.
async fn pings(addr: SocketAddr, side: Side, times: u64) -> io::Result<()> {
    let answer = async |mut client: Client<TcpStream>| {
        for _ in 0..times / CONNECTIONS {
            client.answer_ping(PING).await?;
        }
        Ok::<_, io::Error>(client)
    };
    try_join_all(open(addr, side.pinging()).await?.into_iter().map(answer)).await.map(drop)
}

async fn echo(addr: SocketAddr, shape: Shape, messages: u64) -> io::Result<()> {
    let mut clients = open(addr, shape.path()).await?;
    let load = Load::new(16, shape.window());
    for _ in 0..messages / load.messages / CONNECTIONS {
        try_join_all(clients.iter_mut().map(|client| client.round(&load))).await?;
    }
    Ok(())
}

async fn open(addr: SocketAddr, path: &str) -> io::Result<Vec<Client<TcpStream>>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::of(client::connect(addr).await?, path, 4096, credentials::alice()).await?);
    }
    Ok(clients)
}

/// A server whose instructions are counted.
struct Watched {
    process: Child,
    addr: SocketAddr,
    file: PathBuf,
}

impl Watched {
    fn start(side: Side, shape: Shape) -> io::Result<Option<Self>> {
        let name = format!("bench-{}-{}-{}.callgrind", process::id(), side.name(), shape.path());
        let file = env::temp_dir().join(name);
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
        command.arg(env::current_exe()?).args(["serve", side.name()]).stdout(Stdio::piped());
        // Under callgrind all takes some fifty times as long, but for the time between pings. At the interval of the
        // idle connections, those would be counted for a few messages each.
        if shape != Shape::Ping {
            command.arg("counted");
        }
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let stdout = process.stdout.take().ok_or_else(|| io::Error::other("a server without an output"))?;
        // Made before the address is known, so that a failure ends the process too.
        let mut server = Self { process, addr: SocketAddr::from(([0; 4], 0)), file };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        server.addr = line.trim().parse().map_err(io::Error::other)?;
        Ok(Some(server))
    }

    /// Asked to end, callgrind writes what it has counted.
    fn end(&mut self) -> io::Result<Functions> {
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        self.process.wait()?;
        Functions::read(&self.file)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
        let _removed = std::fs::remove_file(&self.file);
    }
}
