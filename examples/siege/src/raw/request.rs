//! Opens connections, with a handshake or a plain request.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::{Raw, Wire};
use crate::Result;

/// An open socket, or the status of the refusal.
pub(crate) enum Opened {
    Socket(Raw),
    Status(u16),
}

pub(crate) fn open(address: SocketAddr, path: &str, origin: Option<&str>) -> Result<Opened> {
    open_with(address, path, &origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default())
}

/// The same with additional headers, each with its line ending.
pub(crate) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Result<Opened> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: chat.example\r\n{headers}connection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut raw = Raw::new(Wire::plain(stream));
    let status = raw.status()?;
    Ok(if status == 101 { Opened::Socket(raw) } else { Opened::Status(status) })
}

/// Sends a plain request that offers HTTP/2, and returns the status of the response.
pub(crate) fn offer_h2c(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: chat.example\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
         http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    )?;
    Raw::new(Wire::plain(stream)).status()
}

/// Sends a plain request with additional headers, each with its line ending. Returns the status.
pub(crate) fn plain(address: SocketAddr, method: &str, path: &str, headers: &str) -> Result<u16> {
    let mut stream = connect(address)?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: chat.example\r\n{headers}connection: close\r\n\r\n")?;
    Raw::new(Wire::plain(stream)).status()
}

/// Sends a plain request, and returns the whole response.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: chat.example\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    Ok(Wire::connect(address)?)
}
