//! A server in a process of its own, which ends with this one's interest in it.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Result, peer::Peer};

/// How long an interpreter may take to load what it needs.
const START: Duration = Duration::from_mins(1);

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a server on a free port, and waits until it listens.
    pub(crate) fn start(peer: &Peer, folder: &Path, burst: usize) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(folder.join(format!("{}.log", peer.name)))?;
        let mut command = peer.command(folder, port, burst)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|error| format!("{} does not start: {error}", peer.name))?;
        let mut process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let begin = Instant::now();
        while TcpStream::connect(process.address).is_err() {
            if process.child.try_wait()?.is_some() || begin.elapsed() > START {
                return Err(format!("{} does not listen: see {}", peer.name, folder.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(process)
    }

    /// What it has used of a processor: fields 14 and 15 of its `stat`, in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
        let ticks: Vec<u64> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
        Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
    }

    /// What of it is in memory, in KiB.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("a status without VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
