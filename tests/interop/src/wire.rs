//! A client that writes and reads raw bytes, because a well-behaved library cannot misbehave.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use portcullis_core::frame::{self, FrameHeader};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    time::timeout,
};

/// What the client sees next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A frame that is not a close, by its first byte and its payload.
    Frame(u8, Vec<u8>),
    /// A close frame with a code and a reason.
    Close(u16, String),
    /// A close frame without a code.
    EmptyClose,
    /// The end of the stream.
    Eof,
    /// The connection was reset.
    Reset,
}

/// Serves an application on a free port.
pub async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A handshake as it is on the wire.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Sends a request, and reads until the server closes.
pub async fn plain(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// Appends a frame as a client sends it, masked with zeros.
pub fn put_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    frame::put_frame(out, first, payload, Some([0; 4]));
}

/// A WebSocket over TCP that was admitted.
pub struct Wire {
    read: tcp::OwnedReadHalf,
    write: Option<tcp::OwnedWriteHalf>,
    buffer: Vec<u8>,
}

impl Wire {
    /// Opens a WebSocket, which the server admits.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[]).await
    }

    /// Opens, with bytes pipelined after the handshake.
    pub async fn open_with(address: SocketAddr, path: &str, behind: &[u8]) -> Self {
        Self::begin(address, &[handshake(path).as_bytes(), behind].concat()).await
    }

    /// Opens with a custom request.
    pub async fn request(address: SocketAddr, request: &str) -> Self {
        Self::begin(address, request.as_bytes()).await
    }

    async fn begin(address: SocketAddr, bytes: &[u8]) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, mut write) = stream.into_split();
        write.write_all(bytes).await.unwrap();
        let mut wire = Self { read, write: Some(write), buffer: Vec::new() };
        let end = loop {
            if let Some(at) = wire.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            wire.fill().await.unwrap();
        };
        let head = String::from_utf8(wire.buffer.drain(..end).collect()).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        wire
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.write.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Sends a frame.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, payload);
        self.write(&frame).await;
    }

    /// Writes without waiting. The server may close before it has read all.
    pub fn send_in_background(&mut self, bytes: Vec<u8>) {
        let mut write = self.write.take().unwrap();
        tokio::spawn(async move {
            let _server_may_close = write.write_all(&bytes).await;
            // Dropping the half would shut the stream down before the test has read its end.
            std::future::pending::<()>().await;
        });
    }

    /// Waits until the server has sent something, and leaves it unread.
    pub async fn has_input(&mut self) {
        let mut byte = [0];
        timeout(Duration::from_secs(20), self.read.peek(&mut byte)).await.expect("20 s passed").unwrap();
    }

    async fn fill(&mut self) -> Result<(), Seen> {
        let read = timeout(Duration::from_secs(20), self.read.read_buf(&mut self.buffer)).await.expect("20 s passed");
        match read {
            Ok(0) => Err(Seen::Eof),
            Ok(_) => Ok(()),
            Err(_) => Err(Seen::Reset),
        }
    }

    /// The next frame, or the end.
    pub async fn next(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.take() {
                return seen;
            }
            if let Err(end) = self.fill().await {
                return end;
            }
        }
    }

    fn take(&mut self) -> Option<Seen> {
        let header = FrameHeader::parse(&self.buffer)?;
        let end = header.len() + usize::try_from(header.payload_len()).unwrap();
        if self.buffer.len() < end {
            return None;
        }
        assert!(header.mask().is_none(), "a server does not mask");
        let frame: Vec<u8> = self.buffer.drain(..end).collect();
        let payload = frame[header.len()..].to_vec();
        Some(match (header.opcode().as_u8(), payload.as_slice()) {
            (8, []) => Seen::EmptyClose,
            (8, [high, low, reason @ ..]) => {
                Seen::Close(u16::from_be_bytes([*high, *low]), String::from_utf8(reason.to_vec()).unwrap())
            }
            _ => Seen::Frame(frame[0], payload),
        })
    }

    /// Counts data messages up to a close or the end of the stream.
    pub async fn until_the_end(&mut self) -> (usize, Seen) {
        let mut messages = 0;
        loop {
            match self.next().await {
                Seen::Frame(..) => messages += 1,
                end => return (messages, end),
            }
        }
    }
}
