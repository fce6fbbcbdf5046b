//! A client that wants every message acknowledged, and comes back when it is closed.

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

/// What a client went through.
#[derive(Default)]
pub(crate) struct Story {
    /// With each server.
    pub(crate) chapters: [Chapter; 2],
    pub(crate) acknowledged: u32,
    /// Acknowledgements of what is not waited for: given twice, or to somebody else.
    pub(crate) stray: u32,
    /// The longest that it waited for an acknowledgement.
    pub(crate) waited: Duration,
}

#[derive(Default)]
pub(crate) struct Chapter {
    pub(crate) connected: u32,
    /// Handshakes that were answered with 503.
    pub(crate) refused: u32,
    /// Handshakes that nobody answered: the server was gone.
    pub(crate) unanswered: u32,
    /// Close codes that it read before it was done. 1006 stands for an end without a close frame (RFC 6455, section
    /// 7.1.5).
    pub(crate) closes: BTreeMap<u16, u32>,
}

/// A message is given up, and counted as lost, when it was not acknowledged in that time.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
const NO_STATUS: u16 = 1005;
const ABNORMAL: u16 = 1006;

pub(crate) async fn run(id: usize, servers: [SocketAddr; 2], connected: Arc<Barrier>) -> Story {
    let mut client = Client { servers, at: 0, socket: None, story: Story::default() };
    for number in 0..MESSAGES {
        let sent = Instant::now();
        let delivered = timeout(PATIENCE, client.deliver(&format!("{id}:{number}"))).await;
        client.story.acknowledged += u32::from(delivered.is_ok());
        client.story.waited = client.story.waited.max(sent.elapsed());
        if number == 0 {
            connected.wait().await;
        }
        sleep(PAUSE).await;
    }
    client.leave().await;
    client.story
}

struct Client {
    servers: [SocketAddr; 2],
    /// Which of them it talks to.
    at: usize,
    socket: Option<Socket>,
    story: Story,
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
            // If that fails, what is to be read says why.
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
                Message::Text(_) => self.story.stray += 1,
                // Reading on answers it, and ends the connection.
                Message::Close(frame) => code = frame.map_or(NO_STATUS, |frame| frame.code.into()),
                _ => {}
            }
        }
        *self.chapter().closes.entry(code).or_default() += 1;
        false
    }

    /// The connection, or a new one. It first goes where it was, as through a load balancer that has not noticed yet.
    async fn connected(&mut self) -> Option<Socket> {
        if let Some(socket) = self.socket.take() {
            return Some(socket);
        }
        match connect_async(format!("ws://{}/ws", self.servers[self.at])).await {
            Ok((socket, _)) => {
                self.chapter().connected += 1;
                return Some(socket);
            }
            Err(Error::Http(response)) if response.status() == 503 => self.chapter().refused += 1,
            Err(_) => self.chapter().unanswered += 1,
        }
        None
    }

    fn chapter(&mut self) -> &mut Chapter {
        &mut self.story.chapters[self.at]
    }

    async fn leave(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            let _closed_meanwhile = socket.close(None).await;
            while let Some(Ok(message)) = socket.next().await {
                self.story.stray += u32::from(message.is_text());
            }
        }
    }
}
