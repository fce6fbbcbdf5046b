//! Pages of other sites.

use std::net::SocketAddr;

use super::{Attack, Saw, Want};
use crate::{
    Result,
    raw::{self, Opened},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "cross-site page", run: |address| page(address, "https://evil.example"), want: Want::Status(403) },
    Attack { name: "look-alike origin", run: |address| page(address, LOOK_ALIKE), want: Want::Status(403) },
    Attack { name: "null origin", run: |address| page(address, "null"), want: Want::Status(403) },
];

const LOOK_ALIKE: &str = "https://chat.example.evil.net";

/// What a page of some origin gets: an echo of its message, or a refusal.
fn page(address: SocketAddr, origin: &str) -> Result<Saw> {
    match raw::open(address, "/ws", Some(origin))? {
        Opened::Socket(socket) => socket.greet(),
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}
