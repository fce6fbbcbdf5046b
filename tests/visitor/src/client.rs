//! A well-behaved WebSocket client, and one for plain requests.

use std::{net::SocketAddr, time::Duration};

use axum::http::{HeaderName, HeaderValue};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// An open WebSocket.
pub struct Client<S = TcpStream>(WebSocketStream<S>);

impl Client {
    /// Connects, and panics if the handshake is refused.
    pub async fn open(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::connect(server, path, headers).await.unwrap_or_else(|refused| panic!("refused with {refused}"))
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// The status of the refusal, or the error that occurred.
    pub async fn connect(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, String> {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::connect_over(stream, &format!("ws://{server}{path}"), headers).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Connects over a stream.
    ///
    /// # Errors
    ///
    /// Like [`connect`](Client::connect).
    pub async fn connect_over(stream: S, url: &str, headers: &[(&str, &str)]) -> Result<Self, String> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let (name, value) = (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
            request.headers_mut().insert(name, value);
        }
        match timeout(PATIENCE, client_async(request, stream)).await.expect("20 s passed") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16().to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends a text message.
    pub async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).await.unwrap();
    }

    /// Sends a text message `times` times, flushing once at the end.
    pub async fn send_many(&mut self, text: &str, times: usize) {
        for _ in 0..times {
            self.0.feed(Message::text(text)).await.unwrap();
        }
        self.0.flush().await.unwrap();
    }

    /// Receives the next text message. Panics if the connection ends.
    pub async fn receive(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Sends a text message and receives the next one.
    pub async fn request(&mut self, text: &str) -> String {
        self.send_text(text).await;
        self.receive().await
    }

    /// Waits for the close frame, skipping messages. Returns its code and reason.
    pub async fn closed(&mut self) -> String {
        self.count_until_closed().await.1
    }

    /// Counts messages until the close frame. Returns the count, and the code and reason.
    pub async fn count_until_closed(&mut self) -> (usize, String) {
        let mut messages = 0;
        loop {
            match self.next().await {
                Message::Close(frame) => {
                    // Replies to the close; the server may not wait for it.
                    let _gone = self.0.flush().await;
                    let frame = frame.map(|frame| format!("{} {}", u16::from(frame.code), frame.reason));
                    return (messages, frame.unwrap_or_else(|| "1005".to_owned()).trim_end().to_owned());
                }
                Message::Text(_) | Message::Binary(_) => messages += 1,
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("20 s passed").expect("a close frame comes first").unwrap()
    }
}

/// Sends a plain request, given without its trailing line breaks. Returns the status and the whole response.
pub async fn http(server: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let (headers, body) = headers.split_once("\n\n").unwrap_or((headers, ""));
    let headers: String = headers.lines().flat_map(|header| [header, "\r\n"]).collect();
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{line} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n{headers}{length}\r\n{body}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut response)).await.expect("20 s passed").unwrap();
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    (status, response)
}
