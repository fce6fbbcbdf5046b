//! The chromedriver process, which starts and stops Chromium.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStdout,
    time::timeout,
};

use crate::Result;

pub(crate) const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// How long it or its browser may take to start or end, on a machine however busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A chromedriver on a free port. Ends with its browsers when it is dropped.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    /// Open for as long as it may write.
    output: Lines<BufReader<ChildStdout>>,
    /// 0 until it has printed its port.
    port: u16,
}

impl Driver {
    pub(crate) async fn start() -> Result<Self> {
        for program in [CHROMIUM, CHROMEDRIVER] {
            if !Path::new(program).is_file() {
                return Err(missing(program).into());
            }
        }
        let mut command = Command::new(CHROMEDRIVER);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let output = ChildStdout::from_std(child.stdout.take().expect("standard output is piped"))?;
        let mut driver = Self { child, output: BufReader::new(output).lines(), port: 0 };
        driver.port = timeout(PATIENCE, driver.chosen_port()).await??;
        Ok(driver)
    }

    /// Reads the port, which it prints when it starts.
    async fn chosen_port(&mut self) -> Result<u16> {
        while let Some(line) = self.output.next_line().await? {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Ok(port.trim_end_matches('.').parse()?);
            }
        }
        Err("chromedriver ended before it had a port".into())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the browsers have ended, which would outlive a killed driver.
    fn shut_down(&self) -> io::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone_already = self.shut_down();
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn missing(program: &str) -> String {
    format!(
        "there is no {program}: install Debian's packages chromium and chromium-driver, or run `cargo xtask test`, \
         which installs them"
    )
}
