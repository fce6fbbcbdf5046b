//! The attacks, and the clients that must get through.

mod connections;
mod frames;
mod liveness;
mod pages;
mod polite;
mod rates;
mod sizes;
mod tokens;

use std::{fmt, net::SocketAddr};

use crate::{
    Result,
    raw::{self, Opened, Raw},
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
    /// A close code and its reason, where several layers could have sent the code.
    Because(u16, &'static str),
    EmptyClose,
    Lost,
    Status(u16),
    Echoed,
    Answered(u16),
    NotLogged,
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
    Closed {
        code: Option<u16>,
        reason: String,
        messages: u64,
    },
    Lost {
        reset: bool,
        messages: u64,
    },
    Open {
        messages: u64,
    },
    Status(u16),
    Echoed(u64),
    Failed(String),
    Logged(bool),
    /// The connection is over, or was left, but its handler is not.
    Held,
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
            (Self::Closed { code, reason, .. }, Want::Because(wanted, why)) => *code == Some(wanted) && reason == why,
            (Self::Closed { code, .. }, Want::EmptyClose) => code.is_none(),
            (Self::Status(status), Want::Status(wanted) | Want::Answered(wanted)) => *status == wanted,
            (Self::Echoed(_), Want::Echoed)
            | (Self::Logged(false), Want::NotLogged)
            | (Self::Lost { .. }, Want::Lost) => true,
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
            Self::Logged(true) => f.write_str("in the log"),
            Self::Logged(false) => f.write_str("not in the log"),
            Self::Held => f.write_str("handler held"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// Every attack, and the legitimate clients behind them.
pub(crate) fn all() -> impl Iterator<Item = &'static Attack> {
    [pages::ALL, frames::ALL, rates::ALL, connections::ALL, tokens::ALL, liveness::ALL, sizes::ALL, polite::ALL]
        .into_iter()
        .flatten()
}

fn open(address: SocketAddr, path: &str) -> Result<Raw> {
    match raw::open(address, path, None)? {
        Opened::Socket(socket) => Ok(socket),
        Opened::Status(status) => Err(format!("HTTP {status}").into()),
    }
}

/// The page's own origin.
const OWN: &str = "https://chat.example";

fn storm(address: SocketAddr, path: &str, bytes: Vec<u8>) -> Result<Saw> {
    match raw::open(address, path, None)? {
        Opened::Socket(socket) => socket.storm(bytes),
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}

/// The same frame, so many times.
fn frames(count: usize, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        raw::frame(&mut bytes, first, payload);
    }
    bytes
}
