//! Opens a socket, the first step of many attacks.

use std::net::SocketAddr;

use crate::{
    Result,
    observation::Observation,
    raw::{self, Opened, Raw},
};

pub(super) fn storm(address: SocketAddr, path: &str, bytes: &[u8]) -> Result<Observation> {
    Ok(open(address, path)?.storm(bytes))
}

/// Opens a socket. A refusal is an error.
pub(super) fn open(address: SocketAddr, path: &str) -> Result<Raw> {
    open_with(address, path, "")
}

pub(super) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Result<Raw> {
    match raw::open_with(address, path, headers)? {
        Opened::Socket(socket) => Ok(socket),
        Opened::Status(status) => Err(format!("HTTP {status}").into()),
    }
}
