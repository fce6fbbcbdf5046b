//! Clients that are gone, that are idle, or that do not read.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::{open, storm},
};
use crate::{
    Result,
    observation::Observation,
    raw::{self, PATIENCE, frames},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "peer that is gone", run: gone, want: Want::Because(3008, "no answer to a ping") },
    Attack { name: "peer that says nothing", run: idle, want: Want::Because(3008, "idle for too long") },
    Attack { name: "peer that does not read", run: unread, want: Want::Lost },
    Attack { name: "peer that answers pings", run: alive, want: Want::Echoed },
    Attack { name: "handler that is busy", run: busy, want: Want::Echoed },
];

/// A phone without a network: its socket is open, but pings are not answered.
fn gone(address: SocketAddr) -> Result<Observation> {
    storm(address, "/alive", &[])
}

/// Answers every ping, but sends nothing else.
fn idle(address: SocketAddr) -> Result<Observation> {
    Ok(open(address, "/idle")?.answering_pings().end(PATIENCE))
}

/// Requests much data, and reads nothing until its handler has ended.
fn unread(address: SocketAddr) -> Result<Observation> {
    let mut socket = open(address, "/feed")?;
    socket.send(&frames(1, 0x81, b"everything"))?;
    if !raw::get(address, "/freed")?.ends_with("true") {
        return Ok(Observation::Held);
    }
    Ok(socket.end(PATIENCE))
}

/// Answers pings for several intervals, and then sends a message.
fn alive(address: SocketAddr) -> Result<Observation> {
    let mut socket = open(address, "/alive")?.answering_pings();
    match socket.end(PATIENCE) {
        Observation::Open { .. } => socket.greet(),
        ended => Ok(ended),
    }
}

/// Answers pings while the handler reads nothing, not even the message before them.
fn busy(address: SocketAddr) -> Result<Observation> {
    open(address, "/busy")?.answering_pings().converse(&frames(1, 0x81, b"hello"), 1)
}
