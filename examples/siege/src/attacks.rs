//! The attacks, and the clients that must get through.

use std::{
    fmt,
    net::{SocketAddr, TcpStream},
};

use tungstenite::{ClientRequestBuilder, Message};

use crate::{
    Result,
    raw::{self, Opened, PATIENCE},
};

/// One thing that is done to both servers.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) run: fn(SocketAddr) -> Result<Saw>,
    /// What the guarded server must answer.
    pub(crate) want: Want,
}

/// What stops an attack, or what a legitimate client must see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Close(u16),
    EmptyClose,
    Status(u16),
    Echoed,
    Answered(u16),
}

impl Want {
    /// Whether this is what a legitimate client must see, on the bare server too.
    pub(crate) fn is_legitimate(self) -> bool {
        matches!(self, Self::Echoed | Self::Answered(_))
    }
}

/// What the client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saw {
    Closed { code: Option<u16>, reason: String, messages: u64 },
    Lost { reset: bool, messages: u64 },
    Open { messages: u64 },
    Status(u16),
    Echoed(u64),
    Failed(String),
}

impl Saw {
    pub(crate) fn closed(payload: &[u8], messages: u64) -> Self {
        let (code, reason) = match payload {
            [high, low, reason @ ..] => (Some(u16::from_be_bytes([*high, *low])), reason),
            _ => (None, &[][..]),
        };
        Self::Closed { code, reason: String::from_utf8_lossy(reason).into_owned(), messages }
    }

    pub(crate) fn is(&self, want: Want) -> bool {
        match (self, want) {
            (Self::Closed { code, .. }, Want::Close(wanted)) => *code == Some(wanted),
            (Self::Closed { code, .. }, Want::EmptyClose) => code.is_none(),
            (Self::Status(status), Want::Status(wanted) | Want::Answered(wanted)) => *status == wanted,
            (Self::Echoed(_), Want::Echoed) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Saw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code: Some(code), reason, .. } => write!(f, "{code} {reason}"),
            Self::Closed { code: None, .. } => f.write_str("1005 (empty)"),
            Self::Lost { reset: true, .. } => f.write_str("1006 (reset)"),
            Self::Lost { .. } => f.write_str("1006 (eof)"),
            Self::Open { .. } => f.write_str("still open"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Echoed(messages) => write!(f, "{messages} echoed"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

pub(crate) const ALL: &[Attack] = &[
    Attack { name: "cross-site page", run: |address| page(address, "https://evil.example"), want: Want::Status(403) },
    Attack { name: "look-alike origin", run: |address| page(address, LOOK_ALIKE), want: Want::Status(403) },
    Attack { name: "null origin", run: |address| page(address, "null"), want: Want::Status(403) },
    Attack { name: "message flood", run: message_flood, want: Want::Close(1008) },
    Attack { name: "ping flood", run: ping_flood, want: Want::Close(1008) },
    Attack { name: "empty continuation flood", run: empty_continuations, want: Want::Close(1008) },
    Attack { name: "one-byte fragment flood", run: tiny_fragments, want: Want::Close(1008) },
    Attack { name: "unmasked frame", run: unmasked, want: Want::Close(1002) },
    Attack { name: "reserved bit", run: reserved_bit, want: Want::Close(1002) },
    Attack { name: "handler that panics", run: panic, want: Want::Close(1011) },
    Attack { name: "handler that returns", run: drops, want: Want::EmptyClose },
    Attack { name: "own page", run: |address| talk(address, Some(OWN), 1), want: Want::Echoed },
    Attack { name: "client without origin", run: |address| talk(address, None, 1), want: Want::Echoed },
    Attack { name: "bursts within the limit", run: |address| talk(address, Some(OWN), 10), want: Want::Echoed },
    Attack { name: "GET with upgrade: h2c", run: plain_get, want: Want::Answered(200) },
];

const OWN: &str = "https://chat.example";
const LOOK_ALIKE: &str = "https://chat.example.evil.net";

/// What a page of some origin gets: an echo of its message, or a refusal.
fn page(address: SocketAddr, origin: &str) -> Result<Saw> {
    match raw::open(address, "/ws", Some(origin))? {
        Opened::Socket(socket) => socket.greet(),
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}

fn storm(address: SocketAddr, path: &str, bytes: Vec<u8>) -> Result<Saw> {
    match raw::open(address, path, None)? {
        Opened::Socket(socket) => socket.storm(bytes),
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}

fn frames(count: usize, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        raw::frame(&mut bytes, first, payload);
    }
    bytes
}

fn message_flood(address: SocketAddr) -> Result<Saw> {
    storm(address, "/ws", frames(20_000, 0x81, b"spam spam spam"))
}

fn ping_flood(address: SocketAddr) -> Result<Saw> {
    storm(address, "/ws", frames(200_000, 0x89, b"ping"))
}

fn empty_continuations(address: SocketAddr) -> Result<Saw> {
    let mut bytes = frames(1, 0x01, b"begin");
    bytes.extend(frames(1_000_000, 0x00, b""));
    storm(address, "/ws", bytes)
}

fn tiny_fragments(address: SocketAddr) -> Result<Saw> {
    let mut bytes = frames(1, 0x01, b"b");
    bytes.extend(frames(500_000, 0x00, b"x"));
    storm(address, "/ws", bytes)
}

fn unmasked(address: SocketAddr) -> Result<Saw> {
    storm(address, "/ws", b"\x81\x05hello".to_vec())
}

fn reserved_bit(address: SocketAddr) -> Result<Saw> {
    storm(address, "/ws", frames(1, 0xa1, b"hello"))
}

fn panic(address: SocketAddr) -> Result<Saw> {
    storm(address, "/panic", frames(1, 0x81, b"hello"))
}

fn drops(address: SocketAddr) -> Result<Saw> {
    storm(address, "/drop", frames(1, 0x81, b"hello"))
}

/// What `curl --http2` sends: an offer to upgrade that the server may ignore.
fn plain_get(address: SocketAddr) -> Result<Saw> {
    Ok(Saw::Status(raw::offer_h2c(address, "/stats")?))
}

/// Sends thirty messages, so many at once, and checks every answer.
fn talk(address: SocketAddr, origin: Option<&str>, at_once: u32) -> Result<Saw> {
    let mut request = ClientRequestBuilder::new(format!("ws://{address}/ws").parse()?);
    if let Some(origin) = origin {
        request = request.with_header("Origin", origin);
    }
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut socket, _) = tungstenite::client(request, stream)?;
    let mut echoed = 0;
    for round in 0..30 / at_once {
        let texts: Vec<String> = (0..at_once).map(|at| format!("message {at} of round {round}")).collect();
        for text in &texts {
            socket.write(Message::text(text.as_str()))?;
        }
        socket.flush()?;
        for text in &texts {
            if socket.read()?.to_text()? != text {
                return Ok(Saw::Open { messages: echoed });
            }
            echoed += 1;
        }
    }
    socket.close(None)?;
    Ok(Saw::Echoed(echoed))
}
