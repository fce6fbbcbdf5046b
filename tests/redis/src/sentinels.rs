//! Sentinels of one test, which watch a primary and its replica.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::Value;
use tokio::time::sleep;

use crate::Server;

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
}

impl Watched {
    /// Starts all of them. The replica and the sentinels find the primary on a port, which may be that of a proxy.
    pub async fn start(primary: Server, port: u16) -> Self {
        let at = port.to_string();
        let replica = Server::with(&["--replicaof", "127.0.0.1", &at, "--repl-diskless-sync-delay", "0"]);
        let mut inspect = replica.inspect().await;
        loop {
            let about: String = redis::cmd("INFO").arg("replication").query_async(&mut inspect).await.unwrap();
            if about.contains("master_link_status:up") {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let folder = env::temp_dir().join(format!("portcullis-sentinels-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let sentinels = (0..SENTINELS).map(|number| run(&folder, number, port)).collect();
        let watched = Self { primary, replica, sentinels, folder };
        watched.wait().await;
        watched
    }

    /// The URLs of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(|(_, port)| format!("redis://127.0.0.1:{port}")).collect()
    }

    /// Until each knows the others and the replica.
    async fn wait(&self) {
        for url in self.urls() {
            let client = redis::Client::open(url).unwrap();
            loop {
                if let Ok(mut connection) = client.get_multiplexed_async_connection().await {
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

fn run(folder: &std::path::Path, number: usize, primary: u16) -> (Child, u16) {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let file = folder.join(format!("{number}.conf"));
    let settings = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n",
        folder.display()
    );
    fs::write(&file, settings).unwrap();
    let binary = env::var("PORTCULLIS_REDIS_BIN").unwrap_or_else(|_| String::from("redis-server"));
    let mut command = Command::new(&binary);
    command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null());
    (command.spawn().unwrap_or_else(|error| panic!("{binary} does not start: {error}")), port)
}
