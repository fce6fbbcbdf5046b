//! Clients that are gone, that are there for nothing, or that do not read.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::{open, storm},
};
use crate::{
    Result,
    raw::{self, PATIENCE, frames},
    saw::Saw,
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "peer that is gone", run: gone, want: Want::Because(3008, "no answer to a ping") },
    Attack { name: "peer that says nothing", run: idle, want: Want::Because(3008, "idle for too long") },
    Attack { name: "peer that does not read", run: unread, want: Want::Lost },
    Attack { name: "peer that answers pings", run: alive, want: Want::Echoed },
    Attack { name: "handler that is busy", run: busy, want: Want::Echoed },
];

/// A phone without a network: its socket is open, and nobody answers pings.
fn gone(address: SocketAddr) -> Result<Saw> {
    storm(address, "/alive", &[])
}

/// Answers every ping, and says nothing.
fn idle(address: SocketAddr) -> Result<Saw> {
    Ok(open(address, "/idle")?.answering_pings().end(PATIENCE))
}

/// Asks for much, and reads nothing until its handler has come to its end.
fn unread(address: SocketAddr) -> Result<Saw> {
    let mut socket = open(address, "/feed")?;
    socket.send(&frames(1, 0x81, b"everything"))?;
    if !raw::get(address, "/freed")?.ends_with("true") {
        return Ok(Saw::Held);
    }
    Ok(socket.end(PATIENCE))
}

/// Answers pings for several intervals, and has something to say then.
fn alive(address: SocketAddr) -> Result<Saw> {
    let mut socket = open(address, "/alive")?.answering_pings();
    match socket.end(PATIENCE) {
        Saw::Open { .. } => socket.greet(),
        ended => Ok(ended),
    }
}

/// Answers pings while the handler reads nothing, not even what was said before them.
fn busy(address: SocketAddr) -> Result<Saw> {
    open(address, "/busy")?.answering_pings().converse(&frames(1, 0x81, b"hello"), 1)
}
