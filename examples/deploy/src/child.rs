//! One of the two servers, as a child process.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{ChildStdout, Command, Stdio},
};

use crate::Result;

pub(crate) struct Child {
    process: std::process::Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

/// What a server reports when it has ended.
pub(crate) struct Report {
    /// How many messages it recorded.
    pub(crate) recorded: u32,
    /// The outcome of its drain.
    pub(crate) drained: String,
}

impl Child {
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no standard output")?;
        let (mut stdout, mut port) = (BufReader::new(stdout), String::new());
        stdout.read_line(&mut port)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse()?));
        Ok(Self { process, stdout, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a SIGTERM, as a supervisor does.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err("the server could not be sent a signal".into()) }
    }

    /// Waits until the server has ended.
    pub(crate) fn report(mut self) -> Result<Report> {
        let mut report = String::new();
        self.stdout.read_to_string(&mut report)?;
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("a server ended with {status}").into());
        }
        let (recorded, drained) = report.trim().split_once('\n').ok_or("a server without a report")?;
        Ok(Report { recorded: recorded.parse()?, drained: drained.to_owned() })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}
