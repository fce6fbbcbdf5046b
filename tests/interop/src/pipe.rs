//! A server and a raw client in one process, over a pipe in memory: the clock can be held.

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use portcullis_core::frame::FrameHeader;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// What the client sees next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Other(u8, Vec<u8>),
    Close(u16, String),
    End,
}

pub struct Pipe(DuplexStream);

/// The head of the answer to a handshake with these headers, and the connection behind it.
pub async fn ask(app: &Router, target: &str, headers: &str) -> (String, Pipe) {
    let (mut ours, theirs) = duplex(64 * 1024);
    let service = TowerToHyperService::new(app.clone());
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection.with_upgrades());
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    ours.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(ours.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap().to_ascii_lowercase(), Pipe(ours))
}

impl Pipe {
    /// A body of so many bytes.
    pub async fn body(mut self, length: usize) -> String {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    pub async fn text(&mut self, text: &str) {
        assert!(self.try_text(text).await, "the server has closed");
    }

    /// Bytes as they are.
    pub async fn raw(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Says whether there is somebody to send to.
    pub async fn try_text(&mut self, text: &str) -> bool {
        self.try_frame(0x81, text.as_bytes()).await
    }

    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        assert!(self.try_frame(first, payload).await, "the server has closed");
    }

    async fn try_frame(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(0x80 | u8::try_from(len).unwrap()),
            len => {
                frame.push(0xfe);
                frame.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.try_bytes(&frame).await
    }

    pub async fn try_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Answers a close.
    pub async fn close(&mut self) {
        let _server_may_be_gone = self.0.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await;
    }

    pub async fn next(&mut self) -> Seen {
        let mut bytes = Vec::new();
        let header = loop {
            if let Some(header) = FrameHeader::parse(&bytes) {
                break header;
            }
            match self.0.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(_) => return Seen::End,
            }
        };
        let mut payload = vec![0; usize::try_from(header.payload_len()).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        match (bytes[0], payload.as_slice()) {
            (0x81, text) => Seen::Text(String::from_utf8(text.to_vec()).unwrap()),
            (0x88, [high, low, reason @ ..]) => {
                Seen::Close(u16::from_be_bytes([*high, *low]), String::from_utf8(reason.to_vec()).unwrap())
            }
            (first, payload) => Seen::Other(first, payload.to_vec()),
        }
    }
}

pub fn closed(code: u16, reason: &str) -> Seen {
    Seen::Close(code, reason.to_owned())
}

pub fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}
