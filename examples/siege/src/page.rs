//! What the script of a page sees of its `WebSocket`.
//!
//! - A handshake that is not accepted, a connection that is lost and a frame that breaks a rule are all the same to it:
//!   1006, without a reason, not clean.
//! - Of a close frame it reads code and reason, and 1005 if there is none. Its browser answers the frame: it is clean.
//!
//! So a refused handshake is made again, as a browser makes it: it never goes without an `Origin`, which decides how a
//! server may answer. What a real Chromium sees of refusals and of close codes, `tests/browser` shows.

use std::{fmt, net::SocketAddr};

use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Error, HandshakeError, Message, WebSocket, protocol::CloseFrame};

use crate::{Result, raw};

/// The origin whose pages may connect.
pub(crate) const OWN: &str = "https://chat.example";

/// What a script sees of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// It is not closed.
    Open,
    /// Its `CloseEvent`.
    Closed { code: u16, reason: String, clean: bool },
}

impl Page {
    /// After a close frame; `None` if it is empty.
    pub(crate) fn closed(code: Option<u16>, reason: &str) -> Self {
        Self::Closed { code: code.unwrap_or(1005), reason: reason.to_owned(), clean: true }
    }

    /// After anything else.
    pub(crate) fn failed() -> Self {
        Self::Closed { code: 1006, reason: String::new(), clean: false }
    }

    /// The code of the event, if there was one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Open => None,
            Self::Closed { code, .. } => Some(*code),
        }
    }

    /// With the names that a script knows.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Open => json!({"event": "open"}),
            Self::Closed { code, reason, clean } => {
                json!({"event": "close", "code": code, "reason": reason, "wasClean": clean})
            }
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Closed { code, reason, .. } if reason.is_empty() => code.fmt(f),
            Self::Closed { code, reason, .. } => write!(f, "{code} {reason}"),
        }
    }
}

/// A handshake as a browser makes it for a page.
pub(crate) struct Visit {
    address: SocketAddr,
    request: ClientRequestBuilder,
}

impl Visit {
    /// `new WebSocket(url)` of a page of that origin.
    pub(crate) fn new(address: SocketAddr, path: &str, origin: &str) -> Result<Self> {
        let request = ClientRequestBuilder::new(format!("ws://{address}{path}").parse()?);
        Ok(Self { address, request: request.with_header("Origin", origin) })
    }

    /// `new WebSocket(url, ["bearer", token])`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        let request = self.request.with_sub_protocol("bearer").with_sub_protocol(token);
        Self { request, ..self }
    }

    /// By way of a proxy, which names the browser's address.
    pub(crate) fn of_client(self, client: &str) -> Self {
        Self { request: self.request.with_header("X-Forwarded-For", client), ..self }
    }

    /// Goes there, and sees what comes of it.
    pub(crate) fn see(self) -> Result<Page> {
        let stream = raw::connect(self.address)?;
        match tungstenite::client(self.request, stream) {
            Ok((socket, _)) => watch(socket),
            Err(HandshakeError::Failure(_)) => Ok(Page::failed()),
            Err(HandshakeError::Interrupted(_)) => Err("a page's handshake was not answered".into()),
        }
    }
}

/// Reads up to the end of the connection, or the end of patience.
fn watch(mut socket: WebSocket<impl std::io::Read + std::io::Write>) -> Result<Page> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                // The answer goes out before the server lets go.
                let _ended = socket.read();
                return Ok(frame.as_ref().map_or(Page::closed(None, ""), said));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if raw::is_timeout(&error) => return Ok(Page::Open),
            Err(_) => return Ok(Page::failed()),
        }
    }
}

fn said(frame: &CloseFrame) -> Page {
    Page::closed(Some(frame.code.into()), &frame.reason)
}

#[cfg(test)]
mod tests;
