//! Sentinels of one test, which watch a primary and its replica.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::Value;
use tokio::time::sleep;
use visitor::{own_address, own_port};

use crate::{Certificate, Server, server::patient};

/// How many sentinels there are.
const SENTINELS: usize = 3;

/// A primary, a replica, and three sentinels, which wait for a second before they take the primary for dead.
pub struct Watched {
    /// The primary, at first.
    pub primary: Server,
    /// Its replica.
    pub replica: Server,
    sentinels: Vec<(Child, u16)>,
    folder: PathBuf,
    /// What all of them show each other, and nodes.
    certificate: Option<Certificate>,
}

impl Watched {
    /// Starts all of them. The replica and the sentinels find the primary on a port, which may be that of a proxy.
    pub async fn start(primary: Server, port: u16) -> Self {
        Self::all(primary, port, None).await
    }

    /// The same, where all of them speak TLS alone. What nodes have to trust is the certificate's root.
    pub async fn start_with_tls(certificate: Certificate) -> Self {
        let primary = Server::with_certificate(&certificate, &["--tls-replication", "yes"]);
        let port = primary.port();
        Self::all(primary, port, Some(certificate)).await
    }

    async fn all(primary: Server, port: u16, certificate: Option<Certificate>) -> Self {
        let (host, at) = (own_address().to_string(), port.to_string());
        let options = ["--replicaof", &host, &at, "--repl-diskless-sync-delay", "0"];
        let replica = match &certificate {
            None => Server::with(&options),
            Some(own) => Server::with_certificate(own, &[&["--tls-replication", "yes"], &options[..]].concat()),
        };
        let mut inspect = match &certificate {
            None => replica.inspect().await,
            Some(own) => replica.inspect_over_tls(&own.root).await,
        };
        loop {
            let about: String = redis::cmd("INFO").arg("replication").query_async(&mut inspect).await.unwrap();
            if about.contains("master_link_status:up") {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let folder = env::temp_dir().join(format!("portcullis-sentinels-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let sentinels = (0..SENTINELS).map(|number| run(&folder, number, port, certificate.as_ref())).collect();
        let mut watched = Self { primary, replica, sentinels, folder, certificate };
        watched.wait().await;
        watched
    }

    /// The URLs of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.certificate.is_some() { "rediss" } else { "redis" };
        self.sentinels.iter().map(|(_, port)| format!("{scheme}://{}:{port}", own_address())).collect()
    }

    fn client(&self, url: String) -> redis::Client {
        let Some(Certificate { root, .. }) = &self.certificate else { return redis::Client::open(url).unwrap() };
        let root = redis::TlsCertificates { client_tls: None, root_cert: Some(root.as_bytes().to_vec()) };
        redis::Client::build_with_tls(url, root).unwrap()
    }

    /// Until each knows the others and the replica.
    async fn wait(&mut self) {
        for (at, url) in self.urls().into_iter().enumerate() {
            let client = self.client(url);
            loop {
                assert!(self.sentinels[at].0.try_wait().unwrap().is_none(), "a sentinel has ended");
                if let Ok(mut connection) = client.get_multiplexed_async_connection_with_config(&patient()).await {
                    let mut ask = redis::cmd("SENTINEL");
                    let about: Value = ask.arg("MASTER").arg("mymaster").query_async(&mut connection).await.unwrap();
                    let about = format!("{about:?}").replace("bulk-string", "").replace(['(', ')', '\'', '"'], "");
                    if about.contains("num-other-sentinels, 2") && about.contains("num-slaves, 1") {
                        break;
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for (child, _) in &mut self.sentinels {
            let _gone_already = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(folder: &Path, number: usize, primary: u16, certificate: Option<&Certificate>) -> (Child, u16) {
    let (host, port) = (own_address(), own_port());
    let file = folder.join(format!("{number}.conf"));
    let listens = match certificate {
        None => format!("port {port}"),
        Some(own) => {
            let settings = own.settings().map(|(name, value)| format!("{name} {value}\n")).concat();
            format!("port 0\ntls-port {port}\ntls-replication yes\n{settings}")
        }
    };
    let settings = format!(
        "{listens}\nbind {host}\ndir {}\nsentinel announce-ip {host}\nsentinel monitor mymaster {host} {primary} 2\n\
         sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n",
        folder.display()
    );
    fs::write(&file, settings).unwrap();
    let binary = env::var("PORTCULLIS_REDIS_BIN").unwrap_or_else(|_| String::from("redis-server"));
    let mut command = Command::new(&binary);
    command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null());
    (command.spawn().unwrap_or_else(|error| panic!("{binary} does not start: {error}")), port)
}
