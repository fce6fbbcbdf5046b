//! What many attacks begin with: an open socket.

use std::net::SocketAddr;

use crate::{
    Result,
    raw::{self, Opened, Raw},
    saw::Saw,
};

pub(super) fn storm(address: SocketAddr, path: &str, bytes: &[u8]) -> Result<Saw> {
    Ok(open(address, path)?.storm(bytes))
}

/// A socket where nobody is to be refused.
pub(super) fn open(address: SocketAddr, path: &str) -> Result<Raw> {
    open_with(address, path, "")
}

pub(super) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Result<Raw> {
    match raw::open_with(address, path, headers)? {
        Opened::Socket(socket) => Ok(socket),
        Opened::Status(status) => Err(format!("HTTP {status}").into()),
    }
}
