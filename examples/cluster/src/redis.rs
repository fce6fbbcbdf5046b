//! The Redis server of the example.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::Result;

/// A server on a free port, with its own folder and no persistence. Ends with the example.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    pub(crate) fn start() -> Result<Self> {
        let folder = env::temp_dir().join(format!("portcullis-cluster-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { child: run(port, &folder)?, port, folder })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Suspends the process, which loses nothing.
    pub(crate) fn stop(&self) -> Result<()> {
        self.signal("STOP")
    }

    pub(crate) fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Kills the server, and starts it again without data.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = run(self.port, &self.folder)?;
        Ok(())
    }

    fn signal(&self, name: &str) -> Result<()> {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status()?.success();
        if sent { Ok(()) } else { Err(format!("`{kill}` failed").into()) }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(port: u16, folder: &PathBuf) -> Result<Child> {
    let binary = env::var("PORTCULLIS_REDIS_BIN").unwrap_or_else(|_| String::from("redis-server"));
    let mut child = Command::new(&binary)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            format!("{binary} does not start ({error}): install it with `apt-get install redis-server`")
        })?;
    let out = child.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(out).lines();
    if !lines.by_ref().map_while(std::result::Result::ok).any(|line| line.contains("Ready to accept connections")) {
        return Err(format!("{binary} ended instead of listening").into());
    }
    // Keep reading, so that its output does not fill the pipe.
    std::thread::spawn(move || lines.map_while(std::result::Result::ok).for_each(drop));
    Ok(child)
}
