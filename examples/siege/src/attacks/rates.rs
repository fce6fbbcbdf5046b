//! Floods that walk around a limit per connection, and clients that stay just within one.

use std::{net::SocketAddr, ops::Range, thread, time::Duration};

use super::{
    attack::{Attack, Want},
    wire::{open, open_with},
};
use crate::{Result, raw::frames, saw::Saw};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "flood over many sockets", run: many_sockets, want: Want::Because(1008, "message rate exceeded") },
    Attack { name: "reconnect flood", run: reconnect, want: Want::Because(1008, "message rate exceeded") },
    Attack { name: "byte flood", run: bytes, want: Want::Because(1008, "byte rate exceeded") },
    Attack { name: "quota of everybody else", run: shared, want: Want::Echoed },
    Attack { name: "newcomer to a full table", run: newcomer, want: Want::Echoed },
    Attack { name: "drip within the limit", run: drip, want: Want::Echoed },
];

/// Messages that a user may have sent at once.
const BURST: usize = 40;

/// Ten sockets of one user, each of which stays within the limit.
fn many_sockets(address: SocketAddr) -> Result<Saw> {
    let mut sockets = (0..10).map(|_| open(address, "/user?name=many")).collect::<Result<Vec<_>>>()?;
    let last = sockets.pop().ok_or("there are ten")?;
    for socket in &mut sockets {
        socket.send(&frames(BURST / 2, 0x81, b"spam"))?;
    }
    // What they are answered, or how they end, has come when the last one begins.
    for socket in &mut sockets {
        socket.read_messages(BURST as u64 / 2);
    }
    Ok(last.storm(&frames(BURST / 2, 0x81, b"spam")))
}

/// One socket after the other, each of which stays within the limit.
fn reconnect(address: SocketAddr) -> Result<Saw> {
    for _ in 0..4 {
        let mut socket = open(address, "/user?name=again")?;
        socket.send(&frames(BURST / 2, 0x81, b"spam"))?;
        socket.read_messages(BURST as u64 / 2);
    }
    Ok(open(address, "/user?name=again")?.storm(&frames(BURST / 2, 0x81, b"spam")))
}

/// Few messages, and large ones.
fn bytes(address: SocketAddr) -> Result<Saw> {
    Ok(open(address, "/user?name=large")?.storm(&frames(30, 0x82, &vec![0; 60_000])))
}

/// A client of a server where another one sends, in one write, as much as all may together.
fn shared(address: SocketAddr) -> Result<Saw> {
    open(address, "/shared")?.storm(&frames(1000, 0x81, b""));
    open(address, "/shared")?.greet()
}

/// Ten clients of a server that a network has filled: each of its addresses has sent a message, and there are more of
/// them than the server remembers.
fn newcomer(address: SocketAddr) -> Result<Saw> {
    let from = move |client: String| open_with(address, "/many", &format!("x-forwarded-for: {client}\r\n"))?.greet();
    // Who finds no room is closed.
    let fill =
        move |networks: Range<u16>| networks.map(|at| from(format!("2001:db8:0:{at:x}::1"))).all(|saw| saw.is_ok());
    let filled = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|part| scope.spawn(move || fill(part * 250..(part + 1) * 250))).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or_default())
    });
    if !filled {
        return Err("a handshake of the network failed".into());
    }
    for newcomer in 0..10 {
        let saw = from(format!("2001:{:x}::1", 0x1000 + newcomer))?;
        if saw != Saw::Echoed(1) {
            return Ok(saw);
        }
    }
    Ok(Saw::Echoed(10))
}

/// A message every 55 ms, where one every 50 is allowed.
fn drip(address: SocketAddr) -> Result<Saw> {
    let mut socket = open(address, "/user?name=drip")?;
    for _ in 0..60 {
        socket.send(&frames(1, 0x81, b"drip"))?;
        let saw = socket.read_messages(1);
        if saw != (Saw::Open { messages: 1 }) {
            return Ok(saw);
        }
        thread::sleep(Duration::from_millis(55));
    }
    Ok(Saw::Echoed(60))
}
