//! WebSockets that are streams of one HTTP/2 connection (RFC 8441).

use std::io::{Read, Write};

use portcullis_core::frame::{FrameHeader, Opcode};

use super::{frame::frame, socket::PATIENCE, wire::Wire};
use crate::{Result, saw::Saw};

/// How a connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// No stream may send anything: SETTINGS_INITIAL_WINDOW_SIZE (4) is zero.
const SHUT: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (8) is one.
const OFFERED: [u8; 6] = [0, 8, 0, 0, 0, 1];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The largest frame, unless a client allows more (RFC 9113, section 4.2).
const LARGEST: usize = 16 * 1024;

/// A 200 in the static table (RFC 7541, appendix A), with which its headers begin.
const OK: u8 = 0x88;

/// A connection over HTTP/2.
pub(crate) struct Streams {
    wire: Wire,
    last: u32,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Streams {
    /// A client that takes nothing of its streams.
    pub(crate) fn shut(wire: Wire) -> Result<Self> {
        Self::new(wire, &SHUT)
    }

    /// A client that takes what comes.
    pub(crate) fn open(wire: Wire) -> Result<Self> {
        Self::new(wire, &[])
    }

    fn new(mut wire: Wire, settings: &[u8]) -> Result<Self> {
        wire.wait(PATIENCE)?;
        let mut streams = Self { wire, last: 0 };
        streams.wire.write_all(PREFACE)?;
        streams.send(SETTINGS, 0, 0, settings)?;
        Ok(streams)
    }

    /// Whether the server begins with HTTP/2, and offers WebSockets over it.
    pub(crate) fn offers_websockets(&mut self) -> bool {
        let Ok(first) = self.next() else { return false };
        let offers = first.payload.chunks(6).any(|setting| setting == OFFERED);
        first.kind == SETTINGS && first.flags & ACK == 0 && offers && self.send(SETTINGS, ACK, 0, &[]).is_ok()
    }

    /// Opens a WebSocket and says something. `false` if it is refused.
    pub(crate) fn speak(&mut self, path: &str) -> Result<bool> {
        let admitted = self.ask("http", path, "chat.example", &[])?;
        if admitted {
            let mut message = Vec::new();
            frame(&mut message, 0x81, b"everything");
            self.send(DATA, 0, self.last, &message)?;
        }
        Ok(admitted)
    }

    /// Asks for a WebSocket, and reads up to the answer. `false` if it is refused.
    pub(crate) fn ask(&mut self, scheme: &str, path: &str, authority: &str, headers: &[(&str, &str)]) -> Result<bool> {
        // A client's streams have odd numbers.
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        let pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", scheme), (":path", path)];
        let fixed = [(":authority", authority), ("sec-websocket-version", "13")];
        let all = pseudo.iter().chain(&fixed).chain(headers);
        let block: Vec<u8> = all.flat_map(|(name, value)| [vec![0], string(name), string(value)].concat()).collect();
        self.send(HEADERS, END_HEADERS, self.last, &block)?;
        loop {
            let Frame { kind, stream, payload, .. } = self.next()?;
            match kind {
                HEADERS if stream == self.last => return Ok(payload.first() == Some(&OK)),
                RST_STREAM if stream == self.last => return Ok(false),
                GOAWAY => return Ok(false),
                _ => {}
            }
        }
    }

    /// Sends a ping on the stream that was opened last. Says how the WebSocket has ended, unless its pong comes.
    pub(crate) fn ping(&mut self) -> Result<Option<Saw>> {
        let mut ping = Vec::new();
        frame(&mut ping, 0x89, b"there?");
        self.send(DATA, 0, self.last, &ping)?;
        let mut said = Vec::new();
        loop {
            let Frame { kind, flags, stream, payload } = self.next()?;
            let ours = stream == self.last;
            if kind == DATA && ours {
                said.extend(payload);
            }
            while let Some((opcode, payload)) = take(&mut said) {
                match opcode {
                    Opcode::PONG => return Ok(None),
                    Opcode::CLOSE => return Ok(Some(Saw::closed(&payload, 0))),
                    _ => {}
                }
            }
            if kind == GOAWAY || ours && (kind == RST_STREAM || kind == DATA && flags & END_STREAM != 0) {
                return Ok(Some(Saw::Lost { reset: kind != DATA, messages: 0 }));
            }
        }
    }

    fn next(&mut self) -> Result<Frame> {
        let mut head = [0; 9];
        self.wire.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c]))?;
        if length > LARGEST {
            return Err("a frame of HTTP/2 that is too large".into());
        }
        let mut payload = vec![0; length];
        self.wire.read_exact(&mut payload)?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let [_, a, b, c] = u32::try_from(payload.len())?.to_be_bytes();
        let head = [&[a, b, c, kind, flags][..], &stream.to_be_bytes()].concat();
        self.wire.write_all(&[&head, payload].concat())?;
        Ok(self.wire.flush()?)
    }
}

/// The first frame of a WebSocket, if all of it is there.
fn take(said: &mut Vec<u8>) -> Option<(Opcode, Vec<u8>)> {
    let header = FrameHeader::parse(said)?;
    let end = header.len().checked_add(usize::try_from(header.payload_len()).ok()?)?;
    if said.len() < end {
        return None;
    }
    Some((header.opcode(), said.drain(..end).skip(header.len()).collect()))
}

/// Text as it is (RFC 7541, sections 5.1 and 5.2).
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
    fn lengths_are_written_as_hpack_does() {
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
