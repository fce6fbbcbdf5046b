//! Clients that take more seats than are theirs.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{
    attack::{Attack, Want},
    wire::{open, open_with},
};
use crate::{
    Result,
    page::{OWN, Visit},
    raw::{self, Opened, PATIENCE, Streams, Wire, frames},
    saw::Saw,
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "seats of one address", run: seats, want: Want::Refused(429, 1013) },
    Attack { name: "forged X-Forwarded-For", run: forged, want: Want::Refused(429, 1013) },
    Attack { name: "addresses of one /64", run: network, want: Want::Refused(429, 1013) },
    Attack { name: "sockets that say nothing", run: silent, want: Want::Refused(503, 1013) },
    Attack { name: "too many sessions", run: sessions, want: Want::Because(1008, "replaced by a newer connection") },
    Attack { name: "windows that are shut", run: shut, want: Want::Refused(503, 1013) },
    Attack { name: "zombie after the close", run: zombie, want: Want::Because(1002, "client frame is not masked") },
    Attack { name: "seat of a client gone", run: abandoned, want: Want::Echoed },
    Attack { name: "another address's seat", run: neighbour, want: Want::Echoed },
];

/// Holds five seats, and asks for another. A page asks for one, too.
fn sixth(address: SocketAddr, path: &str, headers: fn(u8) -> String, visit: Visit) -> Result<Saw> {
    let held = (0..5).map(|at| open_with(address, path, &headers(at))).collect::<Result<Vec<_>>>()?;
    let saw = match raw::open_with(address, path, &headers(5))? {
        Opened::Socket(socket) => socket.greet()?,
        Opened::Status(status) => Saw::Refused { status, page: visit.see()? },
    };
    drop(held);
    Ok(saw)
}

fn seats(address: SocketAddr) -> Result<Saw> {
    sixth(address, "/seat", |_| String::new(), Visit::new(address, "/seat", OWN)?)
}

/// Another address in every handshake, which nobody but the client vouches for. A script sets no headers.
fn forged(address: SocketAddr) -> Result<Saw> {
    let headers = |at| format!("x-forwarded-for: 192.0.2.{at}\r\n");
    sixth(address, "/seat", headers, Visit::new(address, "/seat", OWN)?)
}

/// Another address in every handshake, all of which one client has.
fn network(address: SocketAddr) -> Result<Saw> {
    let visit = Visit::new(address, "/proxied", OWN)?.of_client("2001:db8::6");
    sixth(address, "/proxied", |at| format!("x-forwarded-for: 2001:db8::{at}\r\n"), visit)
}

/// Three may say nothing yet; they are given half a second.
fn silent(address: SocketAddr) -> Result<Saw> {
    let held = (0..3).map(|_| open(address, "/first")).collect::<Result<Vec<_>>>()?;
    let saw = match raw::open(address, "/first", None)? {
        Opened::Socket(_) => Saw::Open { messages: 0 },
        Opened::Status(status) => Saw::Refused { status, page: Visit::new(address, "/first", OWN)?.see()? },
    };
    drop(held);
    Ok(saw)
}

/// What the oldest of three sessions sees.
fn sessions(address: SocketAddr) -> Result<Saw> {
    let oldest = open(address, "/session?name=alice")?;
    let newer = (0..2).map(|_| open(address, "/session?name=alice")).collect::<Result<Vec<_>>>()?;
    let saw = oldest.storm(&[]);
    drop(newer);
    Ok(saw)
}

/// How many streams there may be at `/shut`.
const STREAMS: usize = 50;

/// Takes nothing of what fifty streams of one connection ask for, waits until nobody works for them any more, and then
/// wants one more than there may be: what is left of the fifty takes up memory still.
fn shut(address: SocketAddr) -> Result<Saw> {
    let mut streams = Streams::shut(Wire::plain(raw::connect(address)?))?;
    for _ in 0..STREAMS {
        if !streams.speak("/shut")? {
            return Err("one of fifty was refused".into());
        }
    }
    if !raw::get(address, "/freed")?.ends_with("true") {
        return Ok(Saw::Held);
    }
    // Their closing handshakes may take a second.
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if streams.speak("/shut")? {
            return Ok(Saw::Open { messages: 0 });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Saw::Refused { status: 503, page: Visit::new(address, "/shut", OWN)?.see()? })
}

/// Breaks a rule, and neither answers the close nor leaves.
fn zombie(address: SocketAddr) -> Result<Saw> {
    open(address, "/ws")?.linger(b"\x81\x05hello")
}

/// A client that wants the only seat, whose holder has said too much and is gone since, with a reset.
fn abandoned(address: SocketAddr) -> Result<Saw> {
    let mut holder = open(address, "/delayed")?;
    holder.send(&frames(100, 0x81, &[b'a'; 200]))?;
    holder.reset()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match raw::open(address, "/delayed", None)? {
            Opened::Socket(socket) => return socket.greet(),
            Opened::Status(status) if Instant::now() >= deadline => return Ok(Saw::Answered(status)),
            Opened::Status(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A client whose neighbour holds all seats that are his.
fn neighbour(address: SocketAddr) -> Result<Saw> {
    let greedy = "x-forwarded-for: 198.51.100.1\r\n";
    let held = (0..5).map(|_| open_with(address, "/proxied", greedy)).collect::<Result<Vec<_>>>()?;
    let saw = open_with(address, "/proxied", "x-forwarded-for: 198.51.100.2\r\n")?.greet();
    drop(held);
    saw
}
