//! Clients that take more connections than they may.

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
    observation::Observation,
    page::{OWN, Visit},
    raw::{self, Opened, PATIENCE, Streams, Wire, frames},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "seats of one address", run: seats, want: Want::Refused(429, 1013) },
    Attack { name: "forged X-Forwarded-For", run: forged, want: Want::Refused(429, 1013) },
    Attack { name: "addresses of one /64", run: network, want: Want::Refused(429, 1013) },
    Attack { name: "sockets that say nothing", run: silent, want: Want::Refused(503, 1013) },
    Attack { name: "too many sessions", run: sessions, want: Want::Because(1008, "replaced by a newer connection") },
    Attack { name: "windows that are shut", run: shut, want: Want::Refused(503, 1013) },
    Attack { name: "zombie after the close", run: zombie, want: Want::Because(1002, "client frame is not masked") },
    Attack { name: "seat of a lost client", run: abandoned, want: Want::Echoed },
    Attack { name: "another address's seat", run: neighbour, want: Want::Echoed },
];

/// Opens five connections, and then another one, as a script and as a page.
fn sixth(address: SocketAddr, path: &str, headers: fn(u8) -> String, visit: Visit) -> Result<Observation> {
    let held = (0..5).map(|at| open_with(address, path, &headers(at))).collect::<Result<Vec<_>>>()?;
    let observed = match raw::open_with(address, path, &headers(5))? {
        Opened::Socket(socket) => socket.greet()?,
        Opened::Status(status) => Observation::Refused { status, page: visit.observe()? },
    };
    drop(held);
    Ok(observed)
}

fn seats(address: SocketAddr) -> Result<Observation> {
    sixth(address, "/seat", |_| String::new(), Visit::new(address, "/seat", OWN)?)
}

/// Another address in every handshake, in a header that the client forges. Scripts of pages cannot set headers.
fn forged(address: SocketAddr) -> Result<Observation> {
    let headers = |at| format!("x-forwarded-for: 192.0.2.{at}\r\n");
    sixth(address, "/seat", headers, Visit::new(address, "/seat", OWN)?)
}

/// Another address in every handshake, all from the network of one client.
fn network(address: SocketAddr) -> Result<Observation> {
    let visit = Visit::new(address, "/proxied", OWN)?.of_client("2001:db8::6");
    sixth(address, "/proxied", |at| format!("x-forwarded-for: 2001:db8::{at}\r\n"), visit)
}

/// Three connections may be unauthenticated, for half a second.
fn silent(address: SocketAddr) -> Result<Observation> {
    let held = (0..3).map(|_| open(address, "/first")).collect::<Result<Vec<_>>>()?;
    let observed = match raw::open(address, "/first", None)? {
        Opened::Socket(_) => Observation::Open { messages: 0 },
        Opened::Status(status) => Observation::Refused { status, page: Visit::new(address, "/first", OWN)?.observe()? },
    };
    drop(held);
    Ok(observed)
}

/// Observes the oldest of three sessions.
fn sessions(address: SocketAddr) -> Result<Observation> {
    let oldest = open(address, "/session?name=alice")?;
    let newer = (0..2).map(|_| open(address, "/session?name=alice")).collect::<Result<Vec<_>>>()?;
    let observed = oldest.storm(&[]);
    drop(newer);
    Ok(observed)
}

/// The limit on streams at `/shut`.
const STREAMS: usize = 50;

/// Requests data on fifty streams of one connection without reading it, waits until their handlers have ended, and then
/// opens one more stream than the limit: the fifty still take up memory.
fn shut(address: SocketAddr) -> Result<Observation> {
    let mut streams = Streams::shut(Wire::plain(raw::connect(address)?))?;
    for _ in 0..STREAMS {
        if !streams.speak("/shut")? {
            return Err("one of fifty was refused".into());
        }
    }
    if !raw::get(address, "/freed")?.ends_with("true") {
        return Ok(Observation::Held);
    }
    // Their closing handshakes may take a second.
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if streams.speak("/shut")? {
            return Ok(Observation::Open { messages: 0 });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Observation::Refused { status: 503, page: Visit::new(address, "/shut", OWN)?.observe()? })
}

/// Breaks a rule, and then neither answers the close nor disconnects.
fn zombie(address: SocketAddr) -> Result<Observation> {
    open(address, "/ws")?.linger(b"\x81\x05hello")
}

/// A client that needs the only seat, whose holder was delayed for sending too much and has since reset its connection.
fn abandoned(address: SocketAddr) -> Result<Observation> {
    let mut holder = open(address, "/delayed")?;
    holder.send(&frames(100, 0x81, &[b'a'; 200]))?;
    holder.reset()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match raw::open(address, "/delayed", None)? {
            Opened::Socket(socket) => return socket.greet(),
            Opened::Status(status) if Instant::now() >= deadline => return Ok(Observation::Answered(status)),
            Opened::Status(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A client whose neighbour has used up its own limit.
fn neighbour(address: SocketAddr) -> Result<Observation> {
    let greedy = "x-forwarded-for: 198.51.100.1\r\n";
    let held = (0..5).map(|_| open_with(address, "/proxied", greedy)).collect::<Result<Vec<_>>>()?;
    let observed = open_with(address, "/proxied", "x-forwarded-for: 198.51.100.2\r\n")?.greet();
    drop(held);
    observed
}
