//! A server on a free port, and a client for it.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Server {
    address: SocketAddr,
    running: JoinHandle<crate::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, running: tokio::spawn(crate::serve(listener)) }
    }

    /// Signs in and enters the lobby.
    pub(super) async fn enter(&self, name: &str) -> Client {
        self.open("lobby", &self.token(name, 60).await).await
    }

    /// Connects as the page does.
    pub(super) async fn open(&self, room: &str, token: &str) -> Client {
        Client::open(self, room, token, &format!("http://{}", self.address)).await.unwrap()
    }

    pub(super) async fn token(&self, name: &str, seconds: u64) -> String {
        let body = json!({"name": name, "seconds": seconds}).to_string();
        let head = format!(
            "POST /session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let response = self.http(&(head + &body)).await;
        json_of(&response)["token"].as_str().unwrap().to_owned()
    }

    pub(super) async fn panel(&self) -> Value {
        json_of(&self.http("GET /panel HTTP/1.1\r\nhost: localhost\r\n\r\n").await)
    }

    /// Waits until the panel shows something, and returns it.
    pub(super) async fn until(&self, shows: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let panel = self.panel().await;
            if shows(&panel) {
                return panel;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the panel never showed what was expected")
    }

    /// Sends a request, and returns the whole response.
    pub(super) async fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut response)).await.unwrap().unwrap();
        response
    }
}

fn json_of(response: &str) -> Value {
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The same token with another signature.
pub(super) fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

#[derive(Debug)]
pub(super) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Connects from a page of `origin`. Returns the status of a refusal.
    pub(super) async fn open(server: &Server, room: &str, token: &str, origin: &str) -> Result<Self, u16> {
        let mut request = format!("ws://{}/ws/{room}", server.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", format!("bearer, {token}").parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "bearer", "the token is not echoed");
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) async fn send(&mut self, message: &str) {
        self.0.send(Message::text(message)).await.unwrap();
    }

    /// Sends the same message `times` times, flushing once at the end.
    pub(super) async fn send_many(&mut self, message: &str, times: usize) {
        for _ in 0..times {
            self.0.feed(Message::text(message)).await.unwrap();
        }
        self.0.flush().await.unwrap();
    }

    /// Receives the next event of a type.
    pub(super) async fn receive(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Waits for the close frame, and replies to it. Returns its code and reason.
    pub(super) async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.next().await {
                self.0.flush().await.unwrap();
                let frame = frame.expect("a close frame with a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("10 s passed").expect("the connection is open").unwrap()
    }
}
