//! What stands between a node and its server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

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

/// A proxy in front of a server.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    heard: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy that passes everything on to a port of this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Pass);
        let (modes, heard) = (mode.clone(), Arc::<AtomicUsize>::default());
        let counts = heard.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server, modes.subscribe(), counts.clone()));
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
        self.heard.load(Ordering::SeqCst)
    }

    /// From now on it does this.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(client: TcpStream, server: u16, mut modes: watch::Receiver<Mode>, heard: Arc<AtomicUsize>) {
    if *modes.borrow_and_update() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect((own_address(), server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let passing = modes.clone();
    let cut = async { modes.wait_for(|mode| *mode == Mode::Cut).await.is_err() };
    tokio::select! {
        () = pass(from_client, to_server, passing.clone(), Some(heard)) => {}
        () = pass(from_server, to_client, passing, None) => {}
        _ = cut => {}
    }
}

/// Reads whatever comes, and passes it on when that is allowed.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    heard: Option<Arc<AtomicUsize>>,
) {
    let (chunks, mut read) = mpsc::unbounded_channel();
    let reading = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if let Some(heard) = &heard {
                heard.fetch_add(count, Ordering::SeqCst);
            }
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
