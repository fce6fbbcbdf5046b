//! One of the two servers, as a child process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Result, attacks::Attack, observation::Observation, raw};

pub(crate) struct Side {
    child: Child,
    address: SocketAddr,
}

/// What the client observed of an attack, and what it cost the server.
pub(crate) struct Outcome {
    pub(crate) observed: Observation,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) cpu_ms: u64,
}

impl Side {
    pub(crate) fn start(which: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["serve", which]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        BufReader::new(stdout).read_line(&mut port)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse()?));
        Ok(Self { child, address })
    }

    pub(crate) fn run(&self, attack: &Attack) -> Result<Outcome> {
        let before = self.stats()?;
        let observed = (attack.run)(self.address).unwrap_or_else(|error| Observation::Failed(error.to_string()));
        let after = self.settled()?;
        let [messages, bytes, cpu_ms] = [0, 1, 2].map(|at| after[at] - before[at]);
        Ok(Outcome { observed, messages, bytes, cpu_ms })
    }

    /// Waits until the statistics are stable, so that no attack is charged for the previous one.
    fn settled(&self) -> Result<[u64; 3]> {
        let deadline = Instant::now() + raw::PATIENCE;
        let mut last = self.stats()?;
        loop {
            thread::sleep(Duration::from_millis(100));
            let now = self.stats()?;
            if now == last || Instant::now() > deadline {
                return Ok(now);
            }
            last = now;
        }
    }

    fn stats(&self) -> Result<[u64; 3]> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(raw::PATIENCE))?;
        stream.write_all(b"GET /stats HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (_, body) = response.split_once("\r\n\r\n").ok_or("statistics without a body")?;
        let mut numbers = body.split_whitespace().map(str::parse);
        let mut next = || numbers.next().ok_or("too few statistics");
        Ok([next()??, next()??, next()??])
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
