//! A suspended server does not close clients that answered in the meantime.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
use interop::{
    handlers,
    wire::{Seen, Wire, serve},
};
use portcullis_liveness::KeepAliveLayer;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

const CLIENTS: usize = 2000;
const STOOD_STILL: Duration = Duration::from_secs(6);
const INTERVAL: Duration = Duration::from_millis(300);

/// Less than the server stands still, and far more than a busy machine keeps a client from its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The latency of the clients: most pongs are in flight when the server is suspended, more than a runtime processes in
/// one turn.
const FAR_AWAY: Duration = Duration::from_millis(1200);

/// A timeout for what should be fast.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the server prints before its address.
const LISTENS: &str = "listens on ";

/// The server of the other test, which starts it as a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is the server of another test"]
async fn server() {
    let handler = |upgrade: WebSocketUpgrade| async { handlers::upgrade(upgrade, handlers::echo) };
    let keepalive = KeepAliveLayer::new().interval(INTERVAL).timeout(TIMEOUT);
    let address = serve(Router::new().route("/", any(handler)).layer(keepalive)).await;
    println!("\n{LISTENS}{address}");
    // Until the other test ends, however it does.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["stood_still::server", "--exact", "--ignored", "--nocapture"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let address = stdout.lines().find_map(|line| line.unwrap().strip_prefix(LISTENS)?.parse().ok());
        // Ends the process when dropped, also if it printed no address.
        let mut server = Self { process, address: SocketAddr::from(([0; 4], 0)) };
        server.address = address.expect("the server prints its address");
        server
    }

    fn signal(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The fate of a client.
enum Event {
    Answered(usize),
    Ended(usize, Seen),
}

/// Answers pings until it is closed.
async fn polite(client: usize, mut wire: Wire, events: mpsc::UnboundedSender<Event>) {
    loop {
        let event = match wire.next().await {
            Seen::Frame(0x89, ping) => {
                sleep(FAR_AWAY).await;
                wire.send(0x8a, &ping).await;
                Event::Answered(client)
            }
            end => Event::Ended(client, end),
        };
        let goes_on = matches!(event, Event::Answered(_));
        if events.send(event).is_err() || !goes_on {
            return;
        }
    }
}

/// Waits until every client has answered this many more pings.
async fn all_answer(times: u8, events: &mut mpsc::UnboundedReceiver<Event>) {
    let (mut left, mut answered) = (CLIENTS, vec![0; CLIENTS]);
    while left > 0 {
        match events.recv().await.expect("clients live") {
            Event::Answered(client) => {
                answered[client] += 1;
                left -= usize::from(answered[client] == times);
            }
            Event::Ended(client, end) => panic!("client {client}, which answers, got {end:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_server_closes_no_client_that_answered() {
    let server = Server::start();
    let (sender, mut events) = mpsc::unbounded_channel();
    for client in 0..CLIENTS {
        let wire = Wire::open(server.address, "/").await;
        tokio::spawn(polite(client, wire, sender.clone()));
    }
    timeout(PATIENCE, all_answer(1, &mut events)).await.expect("all are pinged");
    server.signal("STOP");
    sleep(STOOD_STILL).await;
    server.signal("CONT");
    // Two may be from before: one that waited to be counted, and one that was on its way.
    timeout(PATIENCE, all_answer(3, &mut events)).await.expect("all are pinged again");
}
