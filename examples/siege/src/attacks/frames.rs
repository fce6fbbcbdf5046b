//! Floods, broken frames, and handlers that fail.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::storm,
};
use crate::{
    Result,
    observation::Observation,
    raw::{frames, sequences},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "message flood", run: message_flood, want: Want::Because(1008, "message rate exceeded") },
    Attack { name: "ping flood", run: ping_flood, want: Want::Because(1008, "control frame rate exceeded") },
    Attack {
        name: "empty continuation flood",
        run: empty_continuations,
        want: Want::Because(1008, "too many empty fragments"),
    },
    Attack {
        name: "one-byte fragment flood",
        run: tiny_fragments,
        want: Want::Because(1008, "fragment rate exceeded"),
    },
    Attack { name: "unmasked frame", run: unmasked, want: Want::Because(1002, "client frame is not masked") },
    Attack { name: "reserved bit", run: reserved_bit, want: Want::Because(1002, "reserved bit set") },
    Attack { name: "handler that panics", run: panic, want: Want::Because(1011, "internal error") },
    Attack { name: "handler that returns", run: drops, want: Want::EmptyClose },
];

fn message_flood(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", &frames(20_000, 0x81, b"spam spam spam"))
}

fn ping_flood(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", &frames(200_000, 0x89, b"ping"))
}

fn empty_continuations(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", &sequences::empty_continuations(1_000_000))
}

fn tiny_fragments(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", &sequences::tiny_fragments(500_000))
}

fn unmasked(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", sequences::UNMASKED)
}

fn reserved_bit(address: SocketAddr) -> Result<Observation> {
    storm(address, "/ws", &sequences::reserved_bit())
}

fn panic(address: SocketAddr) -> Result<Observation> {
    storm(address, "/panic", &frames(1, 0x81, b"hello"))
}

fn drops(address: SocketAddr) -> Result<Observation> {
    storm(address, "/drop", &frames(1, 0x81, b"hello"))
}
