//! WebSockets that are streams of one HTTP/2 connection (RFC 8441), of which the client takes nothing.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::{frame::frame, request::connect};
use crate::Result;

/// How a connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// No stream may send anything: SETTINGS_INITIAL_WINDOW_SIZE (4) is zero.
const SHUT: [u8; 6] = [0, 4, 0, 0, 0, 0];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;

/// A 200 in the static table (RFC 7541, appendix A), with which its headers begin.
const OK: u8 = 0x88;

pub(crate) struct Streams {
    stream: TcpStream,
    last: u32,
}

impl Streams {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = connect(address)?;
        let mut streams = Self { stream, last: 0 };
        streams.stream.write_all(PREFACE)?;
        streams.send(SETTINGS, 0, 0, &SHUT)?;
        Ok(streams)
    }

    /// Opens a WebSocket and says something. `false` if it is refused.
    pub(crate) fn open(&mut self, path: &str) -> Result<bool> {
        // A client's streams have odd numbers.
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        let headers = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "chat.example"),
            ("sec-websocket-version", "13"),
        ];
        let literal = |(name, value): (&str, &str)| [&[0], string(name).as_slice(), &string(value)].concat();
        let block = headers.map(literal).concat();
        self.send(HEADERS, END_HEADERS, self.last, &block)?;
        if !self.is_admitted()? {
            return Ok(false);
        }
        let mut message = Vec::new();
        frame(&mut message, 0x81, b"everything");
        self.send(DATA, 0, self.last, &message)?;
        Ok(true)
    }

    /// Reads up to the answer.
    fn is_admitted(&mut self) -> Result<bool> {
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head)?;
            let [a, b, c, kind, _flags, stream @ ..] = head;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c]))?];
            self.stream.read_exact(&mut payload)?;
            if kind == HEADERS && u32::from_be_bytes(stream) == self.last {
                return Ok(payload.first() == Some(&OK));
            }
        }
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let [_, a, b, c] = u32::try_from(payload.len())?.to_be_bytes();
        let head = [&[a, b, c, kind, flags][..], &stream.to_be_bytes()].concat();
        Ok(self.stream.write_all(&[&head, payload].concat())?)
    }
}

/// Text of less than 127 bytes, as it is (RFC 7541, section 5.2).
fn string(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap_or_default()], text.as_bytes()].concat()
}
