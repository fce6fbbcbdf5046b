//! A server of one test.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use visitor::{own_address, own_port};

use crate::Certificate;

/// A `redis-server`, or what `PORTCULLIS_REDIS_BIN` names. Nothing that it knows is written to a disk.
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl Server {
    /// A server with the defaults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A server with options, such as `--requirepass`.
    pub fn with(options: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("portcullis-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let port = own_port();
        let child = run(port, &folder, &options);
        Self { child, port, folder, options }
    }

    /// A server that speaks TLS alone, and the certificate that its own is signed by.
    pub fn with_tls() -> (Self, String) {
        let certificate = Certificate::new();
        (Self::with_certificate(&certificate, &[]), certificate.root.clone())
    }

    /// A server that speaks TLS alone, with a certificate and options.
    pub fn with_certificate(certificate: &Certificate, options: &[&str]) -> Self {
        let all = certificate.options();
        let all: Vec<_> = all.iter().map(String::as_str).chain(options.iter().copied()).collect();
        Self::with(&all)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (own_address(), self.port).into()
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the process: connections stay, and nothing is answered.
    pub fn stop(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew on the same port, with no data.
    pub fn restart(&mut self) {
        self.child = run(self.port, &self.folder, &self.options);
    }

    /// Waits until a replica has what this server has now. What it lacks is lost when it takes over.
    pub async fn replicated(inspect: &mut redis::aio::MultiplexedConnection) {
        let mut offsets = async || {
            let about: String = redis::cmd("INFO").arg("replication").query_async(inspect).await.unwrap();
            let after = |name: &str| {
                let digits = about.split_once(name)?.1.split(|char: char| !char.is_ascii_digit()).next()?;
                digits.parse::<u64>().ok()
            };
            (after("master_repl_offset:").unwrap(), after(",offset=").unwrap_or_default())
        };
        let (now, mut at) = offsets().await;
        while at < now {
            tokio::time::sleep(Duration::from_millis(20)).await;
            at = offsets().await.1;
        }
    }

    /// A connection of the test's own to a server that speaks TLS. A node has connected before.
    pub async fn inspect_over_tls(&self, root: &str) -> redis::aio::MultiplexedConnection {
        let root = redis::TlsCertificates { client_tls: None, root_cert: Some(root.as_bytes().to_vec()) };
        let client = redis::Client::build_with_tls(format!("rediss://{}", self.address()), root).unwrap();
        client.get_multiplexed_async_connection_with_config(&patient()).await.unwrap()
    }

    /// A connection of the test's own.
    pub async fn inspect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection_with_config(&patient()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The client crate's own timeouts are half a second and a second, and a machine may be busy for longer.
pub(crate) fn patient() -> redis::AsyncConnectionConfig {
    redis::AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None)
}

/// Starts a server, and waits until it says that it listens.
fn run(port: u16, folder: &PathBuf, options: &[String]) -> Child {
    let binary = env::var("PORTCULLIS_REDIS_BIN").unwrap_or_else(|_| String::from("redis-server"));
    let tls = options.iter().any(|option| option.starts_with("--tls"));
    let ports: &[&str] = if tls { &["--port", "0", "--tls-port"] } else { &["--port"] };
    let host = own_address().to_string();
    let mut child = Command::new(&binary)
        .args(ports)
        .args([&port.to_string(), "--bind", &host, "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .args(options)
        // Otherwise others look for it where its connections come from, which is 127.0.0.1.
        .args(["--replica-announce-ip", &host, "--cluster-announce-ip", &host])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{binary} does not start: {error}. Debian's package is redis-server"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut says = lines.by_ref().map_while(Result::ok).inspect(|line| said.push(line.clone()));
    let ready = says.any(|line| line.contains("Ready to accept connections"));
    assert!(ready, "{binary} has ended: {said:#?}");
    // What it says later must not fill the pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    child
}

/// Sends a signal to a process that this test has started.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(status.success(), "no signal {name} for {pid}");
}
