//! A client that writes and reads frames, over either version of HTTP.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, Version, request::Builder};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::frame::{FrameHeader, put_frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    script::{Frame, text},
    transport::Address,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// A WebSocket is a connection of its own (RFC 6455).
    One,
    /// A WebSocket is a stream of a connection (RFC 8441).
    Two,
}

impl Http {
    /// Both.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];
}

/// A message, or a control frame.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The first byte of its first frame, without the bit that says whether it is the last.
    pub first: u8,
    /// The payload of all its frames.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self.payload[..self.payload.len().min(100)]);
        write!(f, "{:#x} {shown:?} ({} bytes)", self.first, self.payload.len())
    }
}

/// A WebSocket that was admitted.
pub struct Client {
    io: TokioIo<hyper::upgrade::Upgraded>,
    buffer: Vec<u8>,
    /// The message that has begun.
    begun: Option<Seen>,
    heartbeat: Option<(&'static str, &'static str)>,
}

/// The parameters of a handshake.
#[derive(Clone, Default)]
pub struct Hello {
    /// The path and the query.
    pub path: &'static str,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The heartbeat of a protocol, and its answer.
    pub heartbeat: Option<(&'static str, &'static str)>,
}

/// Sends a handshake, and returns the response.
pub async fn ask(address: &Address, http: Http, hello: &Hello) -> Response<Incoming> {
    let stream = TokioIo::new(address.connect().await);
    let request = Request::builder().header("sec-websocket-version", "13");
    let request = hello.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    match http {
        Http::One => {
            let (mut client, connection) = conn::http1::handshake(stream).await.unwrap();
            tokio::spawn(connection.with_upgrades());
            let request = request.uri(hello.path).header("host", "localhost").header("connection", "Upgrade");
            let request =
                request.header("upgrade", "websocket").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            client.send_request(empty(request)).await.unwrap()
        }
        Http::Two => {
            let (mut client, connection) = conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
            let _settings = client.send_request(empty(Request::get("http://localhost/settings"))).await.unwrap();
            let request = request.method(Method::CONNECT).version(Version::HTTP_2);
            let request = request.extension(hyper::ext::Protocol::from_static("websocket"));
            client.send_request(empty(request.uri(format!("http://localhost{}", hello.path)))).await.unwrap()
        }
    }
}

fn empty(request: Builder) -> Request<Empty<Bytes>> {
    request.body(Empty::new()).unwrap()
}

/// Whether a response admits the client.
pub fn is_admitted<B>(answer: &Response<B>, http: Http) -> bool {
    answer.status() == if http == Http::One { 101 } else { 200 }
}

impl Client {
    /// Opens a WebSocket, which the server admits.
    pub async fn open(address: &Address, http: Http, hello: &Hello) -> Self {
        let answer = timeout(PATIENCE, ask(address, http, hello)).await.expect("30 s passed");
        assert!(is_admitted(&answer, http), "{answer:?}");
        Self {
            io: TokioIo::new(hyper::upgrade::on(answer).await.unwrap()),
            buffer: Vec::new(),
            begun: None,
            heartbeat: hello.heartbeat,
        }
    }

    /// Sends frames, masked.
    pub async fn send(&mut self, frames: &[Frame]) {
        let mut bytes = Vec::new();
        for (first, payload) in frames {
            put_frame(&mut bytes, *first, payload, Some([1, 2, 3, 4]));
        }
        self.write(&bytes).await;
    }

    /// Sends bytes. The server may close before it has read them.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _server_may_close = timeout(PATIENCE, self.io.write_all(bytes)).await.expect("30 s passed");
    }

    /// The next message or control frame; `None` at the end. Pings and heartbeats are answered, and not returned: on a
    /// slow machine they come at any time.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            let seen = self.any().await?;
            match (seen.first, self.heartbeat) {
                (0x09, _) => self.send(&[(0x8a, seen.payload)]).await,
                (0x01, Some((asked, answer))) if seen.payload == asked.as_bytes() => self.send(&[text(answer)]).await,
                _ => return Some(seen),
            }
        }
    }

    async fn any(&mut self) -> Option<Seen> {
        loop {
            let (first, payload) = self.frame().await?;
            let (opcode, last) = (first & 0x7f, first & 0x80 != 0);
            if opcode & 0x08 != 0 {
                return Some(Seen { first: opcode, payload });
            }
            let begun = self.begun.get_or_insert_with(|| Seen { first: opcode, payload: Vec::new() });
            begun.payload.extend(payload);
            if last {
                return self.begun.take();
            }
        }
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(header) = FrameHeader::parse(&self.buffer) {
                let end = header.len() + usize::try_from(header.payload_len()).unwrap();
                if self.buffer.len() >= end {
                    assert!(header.mask().is_none(), "a server does not mask");
                    let frame: Vec<u8> = self.buffer.drain(..end).collect();
                    return Some((frame[0], frame[header.len()..].to_vec()));
                }
            }
            match timeout(PATIENCE, self.io.read_buf(&mut self.buffer)).await.expect("30 s passed") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Waits for the close, and answers it. Returns its code and the number of messages before it.
    pub async fn closed(&mut self) -> (usize, u16) {
        let mut messages = 0;
        loop {
            let seen = self.next().await.expect("a close frame comes before the end");
            match (seen.first, seen.payload.as_slice()) {
                (0x08, [high, low, ..]) => {
                    self.send(&[(0x88, seen.payload[..2].to_vec())]).await;
                    return (messages, u16::from_be_bytes([*high, *low]));
                }
                (0x08, _) => return (messages, 1005),
                (0x01 | 0x02, _) => messages += 1,
                _ => {}
            }
        }
    }

    /// Closes, and returns what is received up to the end or the answering close frame.
    pub async fn close(mut self) -> Vec<Seen> {
        self.send(&[(0x88, 1000_u16.to_be_bytes().to_vec())]).await;
        let mut rest = Vec::new();
        while let Some(seen) = self.next().await {
            let is_close = seen.first == 0x08;
            rest.push(seen);
            if is_close {
                break;
            }
        }
        rest
    }
}
