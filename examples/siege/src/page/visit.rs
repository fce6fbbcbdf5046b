//! The handshake of a page, and its outcome.

use std::net::SocketAddr;

use tungstenite::{ClientRequestBuilder, Error, HandshakeError, Message, WebSocket, protocol::CloseFrame};

use super::event::Page;
use crate::{Result, raw};

/// The origin whose pages may connect.
pub(crate) const OWN: &str = "https://chat.example";

/// A handshake as a browser sends it for a page.
pub(crate) struct Visit {
    address: SocketAddr,
    request: ClientRequestBuilder,
}

impl Visit {
    /// `new WebSocket(url)` on a page of `origin`.
    pub(crate) fn new(address: SocketAddr, path: &str, origin: &str) -> Result<Self> {
        let request = ClientRequestBuilder::new(format!("ws://{address}{path}").parse()?);
        Ok(Self { address, request: request.with_header("Origin", origin) })
    }

    /// `new WebSocket(url, ["bearer", token])`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        let request = self.request.with_sub_protocol("bearer").with_sub_protocol(token);
        Self { request, ..self }
    }

    /// Through a proxy, which adds the browser's address.
    pub(crate) fn of_client(self, client: &str) -> Self {
        Self { request: self.request.with_header("X-Forwarded-For", client), ..self }
    }

    /// Connects, and returns what the script observes.
    pub(crate) fn observe(self) -> Result<Page> {
        let stream = raw::connect(self.address)?;
        match tungstenite::client(self.request, stream) {
            Ok((socket, _)) => watch(socket),
            Err(HandshakeError::Failure(_)) => Ok(Page::failed()),
            Err(HandshakeError::Interrupted(_)) => Err("the handshake of a page got no response".into()),
        }
    }
}

/// Reads until the connection ends, or until the timeout.
fn watch(mut socket: WebSocket<impl std::io::Read + std::io::Write>) -> Result<Page> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                // The reply is sent before the server disconnects.
                let _ended = socket.read();
                return Ok(frame.as_ref().map_or(Page::closed(None, ""), closed_with));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if raw::is_timeout(&error) => return Ok(Page::Open),
            Err(_) => return Ok(Page::failed()),
        }
    }
}

fn closed_with(frame: &CloseFrame) -> Page {
    Page::closed(Some(frame.code.into()), &frame.reason)
}
