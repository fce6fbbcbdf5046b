//! WebSockets that are streams of one HTTP/2 connection (RFC 8441).

use std::io::{Read, Write};

use super::{
    frame::frame,
    socket::PATIENCE,
    status::{self, OK},
    tunnel::{ACK, DATA, Frame, GOAWAY, HEADERS, LARGEST, RST_STREAM, SETTINGS, Tunnel, Windows},
    wire::Wire,
};
use crate::Result;

/// The connection preface (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The server may send no data: SETTINGS_INITIAL_WINDOW_SIZE (4) is zero.
const SHUT: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (8) is one.
const OFFERED: [u8; 6] = [0, 8, 0, 0, 0, 1];

const END_HEADERS: u8 = 4;

/// A connection over HTTP/2.
pub(crate) struct Streams {
    wire: Wire,
    last: u32,
    windows: Windows,
    /// Bytes of an incomplete frame.
    unread: Vec<u8>,
}

impl Streams {
    /// A client with zero flow-control windows.
    pub(crate) fn shut(wire: Wire) -> Result<Self> {
        Self::new(wire, &SHUT)
    }

    /// A client with default windows.
    pub(crate) fn open(wire: Wire) -> Result<Self> {
        Self::new(wire, &[])
    }

    fn new(mut wire: Wire, settings: &[u8]) -> Result<Self> {
        wire.wait(PATIENCE)?;
        let mut streams = Self { wire, last: 0, windows: Windows::new(), unread: Vec::new() };
        streams.wire.write_all(PREFACE)?;
        streams.send(SETTINGS, 0, 0, settings)?;
        Ok(streams)
    }

    /// Whether the server speaks HTTP/2, and offers WebSockets over it.
    pub(crate) fn offers_websockets(&mut self) -> bool {
        let Ok(first) = self.next() else { return false };
        let offers = first.payload.chunks(6).any(|setting| setting == OFFERED);
        first.kind == SETTINGS && first.flags & ACK == 0 && offers && self.send(SETTINGS, ACK, 0, &[]).is_ok()
    }

    /// Opens a WebSocket and sends a message. `false` if it is refused.
    pub(crate) fn speak(&mut self, path: &str) -> Result<bool> {
        let admitted = self.ask("http", path, "chat.example", &[])? == Some(OK);
        if admitted {
            let mut message = Vec::new();
            frame(&mut message, 0x81, b"everything");
            self.send(DATA, 0, self.last, &message)?;
        }
        Ok(admitted)
    }

    /// Requests a WebSocket, and reads the status of the response. `None` if it was refused in another way.
    pub(crate) fn ask(
        &mut self,
        scheme: &str,
        path: &str,
        authority: &str,
        headers: &[(&str, &str)],
    ) -> Result<Option<u16>> {
        // A client's streams have odd numbers.
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        self.windows.open();
        let pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", scheme), (":path", path)];
        let fixed = [(":authority", authority), ("sec-websocket-version", "13")];
        let all = pseudo.iter().chain(&fixed).chain(headers);
        let block: Vec<u8> = all.flat_map(|(name, value)| [vec![0], string(name), string(value)].concat()).collect();
        self.send(HEADERS, END_HEADERS, self.last, &block)?;
        loop {
            let Frame { kind, stream, payload, .. } = self.next()?;
            match kind {
                HEADERS if stream == self.last => return Ok(status::of(&payload)),
                RST_STREAM if stream == self.last => return Ok(None),
                GOAWAY => return Ok(None),
                _ => {}
            }
        }
    }

    /// The last stream as a connection.
    pub(crate) fn tunnel(self) -> Wire {
        Wire::http2(Tunnel::new(self.wire, self.last, self.windows, self.unread))
    }

    fn next(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.unread)? {
                self.windows.learn(&frame, self.last);
                return Ok(frame);
            }
            let mut part = [0; LARGEST];
            let read = self.wire.read(&mut part)?;
            if read == 0 {
                return Err("the server ended the connection".into());
            }
            self.unread.extend_from_slice(&part[..read]);
        }
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let mut out = Vec::new();
        Frame::put(&mut out, kind, flags, stream, payload);
        self.wire.write_all(&out)?;
        Ok(self.wire.flush()?)
    }
}

/// Encodes a string literal without Huffman coding (RFC 7541, sections 5.1 and 5.2).
fn string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = text.len();
    if left < 127 {
        out.extend(u8::try_from(left));
    } else {
        left -= 127;
        out.push(127);
        while left >= 128 {
            out.extend(u8::try_from(left % 128 + 128));
            left /= 128;
        }
        out.extend(u8::try_from(left));
    }
    out.extend(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_encoded_as_in_hpack() {
        for (length, head) in [
            (0, &[0][..]),
            (126, &[126]),
            (127, &[127, 0]),
            (254, &[127, 127]),
            (255, &[127, 128, 1]),
            (1464, &[127, 185, 10]),
        ] {
            let written = string(&"x".repeat(length));
            assert_eq!(written[..head.len()], *head, "{length}");
            assert_eq!(written.len(), head.len() + length);
        }
    }
}
