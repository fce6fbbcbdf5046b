//! What stands between a node and its server.

use std::{
    iter,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{FromRedisValue, Parser};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::sleep,
};
use visitor::own_address;

/// What the proxy does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    Pass,
    /// They wait, and so do those who connect.
    Hold,
    /// They pass after a time.
    Delay(Duration),
    /// Connections break, and those who connect are cut off.
    Cut,
}

/// A command that was sent to a server: its name and what follows.
pub type Command = Vec<String>;

/// A proxy in front of a server.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    heard: Arc<Heard>,
}

/// What clients have sent, whether it was passed on or not.
#[derive(Default)]
struct Heard {
    bytes: AtomicUsize,
    /// All of it, by connection. Only if asked for: a test may send for an hour.
    record: Option<Mutex<Vec<Vec<u8>>>>,
}

impl Proxy {
    /// A proxy that passes everything on to a port of this machine.
    pub async fn to(server: u16) -> Self {
        Self::start(server, Heard::default()).await
    }

    /// A proxy that also records what clients send: see [`commands`](Self::commands).
    pub async fn recording(server: u16) -> Self {
        Self::start(server, Heard { record: Some(Mutex::default()), ..Heard::default() }).await
    }

    async fn start(server: u16, heard: Heard) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Pass);
        let heard = Arc::new(heard);
        let (modes, record) = (mode.clone(), heard.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server, modes.subscribe(), record.clone()));
            }
        });
        Self { port, mode, heard }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of what stands behind it.
    pub fn url(&self) -> String {
        format!("redis://{}:{}", own_address(), self.port)
    }

    /// How many bytes clients have sent, whether they were passed on or not.
    pub fn heard(&self) -> usize {
        self.heard.bytes.load(Ordering::SeqCst)
    }

    /// The commands that clients have sent so far, by connection and in order.
    ///
    /// # Panics
    ///
    /// If the proxy does not record.
    pub fn commands(&self) -> Vec<Vec<Command>> {
        let record = self.heard.record.as_ref().expect("the proxy records");
        record.lock().unwrap().iter().map(|bytes| commands(bytes)).collect()
    }

    /// From now on it does this.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Heard {
    /// Begins the record of a connection, and returns its number.
    fn open(&self) -> usize {
        let Some(record) = &self.record else { return 0 };
        let mut record = record.lock().unwrap();
        record.push(Vec::new());
        record.len() - 1
    }

    fn hear(&self, connection: usize, bytes: &[u8]) {
        if let Some(record) = &self.record {
            record.lock().unwrap()[connection].extend_from_slice(bytes);
        }
        self.bytes.fetch_add(bytes.len(), Ordering::SeqCst);
    }
}

/// Parses commands. The last one is left out until all of it has been heard.
fn commands(mut bytes: &[u8]) -> Vec<Command> {
    let mut parser = Parser::new();
    let command = || {
        let words = Vec::<Vec<u8>>::from_redis_value(parser.parse_value(&mut bytes).ok()?).unwrap();
        Some(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    iter::from_fn(command).collect()
}

async fn serve(client: TcpStream, server: u16, mut modes: watch::Receiver<Mode>, heard: Arc<Heard>) {
    if *modes.borrow_and_update() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect((own_address(), server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (passing, connection) = (modes.clone(), heard.open());
    let cut = async { modes.wait_for(|mode| *mode == Mode::Cut).await.is_err() };
    tokio::select! {
        () = pass(from_client, to_server, passing.clone(), |bytes| heard.hear(connection, bytes)) => {}
        () = pass(from_server, to_client, passing, |_| {}) => {}
        _ = cut => {}
    }
}

/// Reads whatever comes, and passes it on when that is allowed.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    heard: impl Fn(&[u8]),
) {
    let (chunks, mut read) = mpsc::unbounded_channel();
    let reading = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            heard(&bytes[..count]);
            if chunks.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some(chunk) = read.recv().await {
            let Ok(mode) = modes.wait_for(|mode| *mode != Mode::Hold).await.map(|mode| *mode) else { return };
            if let Mode::Delay(time) = mode {
                sleep(time).await;
            }
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}
