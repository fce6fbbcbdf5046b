//! A server in a process of its own.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::side::Side;

/// A running server; dropping it ends it.
pub(crate) struct Server {
    process: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn start(side: Side) -> io::Result<Self> {
        Self::spawn(&["serve", side.name()])
    }

    /// A server that leaves `TCP_NODELAY` as a socket has it.
    pub(crate) fn start_with_nagle(side: Side) -> io::Result<Self> {
        Self::spawn(&["serve", side.name(), "nagle"])
    }

    /// A server with every layer, for many clients.
    pub(crate) fn start_to_soak() -> io::Result<Self> {
        Self::spawn(&["serve", "soak"])
    }

    fn spawn(args: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).args(args).stdout(Stdio::piped()).spawn()?;
        let addr = read_addr(&mut process);
        // Made before the address is known, so that a failure ends the process too.
        let mut server = Self { process, addr: SocketAddr::from(([0; 4], 0)) };
        server.addr = addr?;
        Ok(server)
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kib = kib.and_then(|kib| kib.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
    }

    /// How long its thread has run so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.process.id()))?;
        let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
        nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other("no time in /proc"))
    }
}

fn read_addr(process: &mut Child) -> io::Result<SocketAddr> {
    let stdout = process.stdout.take().ok_or_else(|| io::Error::other("a server without an output"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    line.trim().parse().map_err(io::Error::other)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}
