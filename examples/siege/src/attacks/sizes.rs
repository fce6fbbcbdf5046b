//! Messages that are too large, in too many fragments, or never finished.

use std::{net::SocketAddr, time::Duration};

use super::{
    attack::{Attack, Want},
    wire::{open, storm},
};
use crate::{
    Result,
    observation::Observation,
    raw::{frames, sequences},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "message byte by byte", run: drip, want: Want::Because(1009, "message not finished within 1s") },
    Attack { name: "message over the limit", run: oversize, want: TOO_LARGE },
    Attack { name: "2^62 bytes declared", run: declared, want: TOO_LARGE },
    Attack { name: "too large in fragments", run: fragments, want: TOO_LARGE },
    Attack {
        name: "ten thousand fragments",
        run: many_fragments,
        want: Want::Because(1009, "message in more than 4096 fragments"),
    },
    Attack { name: "message at the limit", run: at_the_limit, want: Want::Echoed },
    Attack { name: "slow writer within limit", run: in_time, want: Want::Echoed },
];

/// The largest message on this route of the guarded server.
const LIMIT: usize = 64 * 1024;

const TOO_LARGE: Want = Want::Because(1009, "message over 65536 bytes");

/// The pause between the bytes of slow writers.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a message that would take three seconds.
fn drip(address: SocketAddr) -> Result<Observation> {
    Ok(open(address, "/sized")?.drip(&frames(1, 0x81, &[b'a'; 54]), PAUSE))
}

/// Sends as much as the library accepts: sixteen mebibytes.
fn oversize(address: SocketAddr) -> Result<Observation> {
    storm(address, "/sized", &frames(1, 0x82, &vec![0; 16 * 1024 * 1024]))
}

/// Sends a header without the payload that it declares.
fn declared(address: SocketAddr) -> Result<Observation> {
    storm(address, "/sized", &sequences::declared())
}

fn fragments(address: SocketAddr) -> Result<Observation> {
    storm(address, "/sized", &sequences::over_in_fragments(LIMIT))
}

/// Sends many small fragments, which together are not large.
fn many_fragments(address: SocketAddr) -> Result<Observation> {
    let mut bytes = frames(1, 0x02, b"x");
    bytes.extend(frames(9_998, 0x00, b"x"));
    bytes.extend(frames(1, 0x80, b"x"));
    storm(address, "/sized", &bytes)
}

/// Sends the largest message, once in one frame, and once in the maximum number of fragments.
fn at_the_limit(address: SocketAddr) -> Result<Observation> {
    let mut bytes = frames(1, 0x82, &vec![0; LIMIT]);
    bytes.extend(frames(1, 0x02, &[0; 16]));
    bytes.extend(frames(4094, 0x00, &[0; 16]));
    bytes.extend(frames(1, 0x80, &[0; 16]));
    open(address, "/sized")?.converse(&bytes, 2)
}

/// Sends a message within most of its time limit.
fn in_time(address: SocketAddr) -> Result<Observation> {
    let mut socket = open(address, "/sized")?;
    let bytes = frames(1, 0x81, b"slow");
    let (last, most) = bytes.split_last().ok_or("a frame has bytes")?;
    match socket.drip(most, PAUSE) {
        Observation::Open { .. } => socket.converse(&[*last], 1),
        ended => Ok(ended),
    }
}
