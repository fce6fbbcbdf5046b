//! A client that needs every message acknowledged, and reconnects when it is closed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    sync::Barrier,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

use crate::MESSAGES;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a client observed.
#[derive(Default)]
pub(crate) struct Observations {
    /// For each server.
    pub(crate) servers: [PerServer; 2],
    pub(crate) acknowledged: u32,
    /// Unexpected acknowledgements: duplicates, or those for another client.
    pub(crate) stray: u32,
    /// The longest wait for an acknowledgement.
    pub(crate) waited: Duration,
}

#[derive(Default)]
pub(crate) struct PerServer {
    pub(crate) connected: u32,
    /// Handshakes that were answered with 503.
    pub(crate) refused: u32,
    /// Handshakes without a response: the server was gone.
    pub(crate) unanswered: u32,
    /// Close codes before it was done. 1006 stands for an end without a close frame (RFC 6455, section
    /// 7.1.5).
    pub(crate) closes: BTreeMap<u16, u32>,
}

/// A message that is not acknowledged within this time counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
const NO_STATUS: u16 = 1005;
const ABNORMAL: u16 = 1006;

pub(crate) async fn run(id: usize, servers: [SocketAddr; 2], connected: Arc<Barrier>) -> Observations {
    let mut client = Client { servers, at: 0, socket: None, observed: Observations::default() };
    for number in 0..MESSAGES {
        let sent = Instant::now();
        let delivered = timeout(PATIENCE, client.deliver(&format!("{id}:{number}"))).await;
        client.observed.acknowledged += u32::from(delivered.is_ok());
        client.observed.waited = client.observed.waited.max(sent.elapsed());
        if number == 0 {
            connected.wait().await;
        }
        sleep(PAUSE).await;
    }
    client.leave().await;
    client.observed
}

struct Client {
    servers: [SocketAddr; 2],
    /// The index of the current server.
    at: usize,
    socket: Option<Socket>,
    observed: Observations,
}

impl Client {
    /// Sends a message until it is acknowledged.
    async fn deliver(&mut self, text: &str) {
        loop {
            let Some(mut socket) = self.connected().await else {
                self.at = (self.at + 1) % self.servers.len();
                sleep(PAUSE).await;
                continue;
            };
            // If this fails, the read below says why.
            let _closed_meanwhile = socket.send(Message::text(text)).await;
            if self.is_acknowledged(&mut socket, text).await {
                self.socket = Some(socket);
                return;
            }
        }
    }

    async fn is_acknowledged(&mut self, socket: &mut Socket, text: &str) -> bool {
        let mut code = ABNORMAL;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(answer) if answer == text => return true,
                Message::Text(_) => self.observed.stray += 1,
                // Reading on replies to it and ends the connection.
                Message::Close(frame) => code = frame.map_or(NO_STATUS, |frame| frame.code.into()),
                _ => {}
            }
        }
        *self.server().closes.entry(code).or_default() += 1;
        false
    }

    /// The current connection, or a new one. First tries the same server, like a load balancer that has not noticed
    /// yet.
    async fn connected(&mut self) -> Option<Socket> {
        if let Some(socket) = self.socket.take() {
            return Some(socket);
        }
        match connect_async(format!("ws://{}/ws", self.servers[self.at])).await {
            Ok((socket, _)) => {
                self.server().connected += 1;
                return Some(socket);
            }
            Err(Error::Http(response)) if response.status() == 503 => self.server().refused += 1,
            Err(_) => self.server().unanswered += 1,
        }
        None
    }

    fn server(&mut self) -> &mut PerServer {
        &mut self.observed.servers[self.at]
    }

    async fn leave(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            let _closed_meanwhile = socket.close(None).await;
            while let Some(Ok(message)) = socket.next().await {
                self.observed.stray += u32::from(message.is_text());
            }
        }
    }
}
