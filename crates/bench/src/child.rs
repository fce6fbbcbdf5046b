//! A server in a process of its own.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::side::Side;

/// A running server; dropping it ends it.
pub(crate) struct Server {
    process: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn start(side: Side) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).args(["serve", side.name()]).stdout(Stdio::piped()).spawn()?;
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
