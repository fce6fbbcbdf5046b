//! A server in a separate process, which is killed when dropped.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Result, nginx, peer::Peer};

/// How long an interpreter may take to load what it needs.
const START: Duration = Duration::from_mins(1);

/// A server, and what stands in front of it.
pub(crate) struct Process {
    parts: Vec<Part>,
    pub(crate) address: SocketAddr,
}

/// One process.
struct Part(Child);

impl Process {
    /// Starts a server on a free port, and waits until it listens.
    pub(crate) fn start(peer: &Peer, folder: &Path, burst: usize) -> Result<Self> {
        let port = free_port()?;
        let mut parts = vec![Part::start(peer.name, folder, port, peer.command(folder, port, burst)?)?];
        let mut address = SocketAddr::from(([127, 0, 0, 1], port));
        if peer.behind_nginx {
            address.set_port(free_port()?);
            let command = nginx::command(folder, address.port(), port, burst)?;
            parts.push(Part::start("nginx", folder, address.port(), command)?);
        }
        Ok(Self { parts, address })
    }

    /// Its CPU time, in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.parts.iter().map(Part::cpu).sum()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.parts.iter().map(Part::resident).sum()
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Part {
    fn start(name: &str, folder: &Path, port: u16, mut command: Command) -> Result<Self> {
        let log = File::create(folder.join(format!("{name}.log")))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut started = Self(child.map_err(|error| format!("{name} does not start: {error}"))?);
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.0.try_wait()?.is_some() || begin.elapsed() > START {
                return Err(format!("{name} does not listen: see {}", folder.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }

    /// Fields 14 and 15 of its `stat`.
    fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
        let ticks: Vec<u64> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
        Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
    }

    fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("a status without VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}
