//! Floods that evade a limit per connection, and clients that stay just within one.

use std::{net::SocketAddr, ops::Range, thread, time::Duration};

use super::{
    attack::{Attack, Want},
    wire::{open, open_with},
};
use crate::{Result, observation::Observation, raw::frames};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "flood over many sockets", run: many_sockets, want: Want::Because(1008, "message rate exceeded") },
    Attack { name: "reconnect flood", run: reconnect, want: Want::Because(1008, "message rate exceeded") },
    Attack { name: "byte flood", run: bytes, want: Want::Because(1008, "byte rate exceeded") },
    Attack { name: "quota of other clients", run: shared, want: Want::Echoed },
    Attack { name: "newcomer to a full table", run: newcomer, want: Want::Echoed },
    Attack { name: "drip within the limit", run: drip, want: Want::Echoed },
];

/// The burst of a user.
const BURST: usize = 40;

/// Ten sockets of one user, each of which stays within the limit.
fn many_sockets(address: SocketAddr) -> Result<Observation> {
    let mut sockets = (0..10).map(|_| open(address, "/user?name=many")).collect::<Result<Vec<_>>>()?;
    let last = sockets.pop().ok_or("there are ten")?;
    for socket in &mut sockets {
        socket.send(&frames(BURST / 2, 0x81, b"spam"))?;
    }
    // Their echoes or closes have arrived before the last one starts.
    for socket in &mut sockets {
        socket.read_messages(BURST as u64 / 2);
    }
    Ok(last.storm(&frames(BURST / 2, 0x81, b"spam")))
}

/// One socket after the other, each of which stays within the limit.
fn reconnect(address: SocketAddr) -> Result<Observation> {
    for _ in 0..4 {
        let mut socket = open(address, "/user?name=again")?;
        socket.send(&frames(BURST / 2, 0x81, b"spam"))?;
        socket.read_messages(BURST as u64 / 2);
    }
    Ok(open(address, "/user?name=again")?.storm(&frames(BURST / 2, 0x81, b"spam")))
}

/// Few messages, but large ones.
fn bytes(address: SocketAddr) -> Result<Observation> {
    Ok(open(address, "/user?name=large")?.storm(&frames(30, 0x82, &vec![0; 60_000])))
}

/// A client of a server where another client sends, in one write, as much as all may send together.
fn shared(address: SocketAddr) -> Result<Observation> {
    open(address, "/shared")?.storm(&frames(1000, 0x81, b""));
    open(address, "/shared")?.greet()
}

/// Ten clients of a server whose table a network has filled: each of its addresses has sent a message, and there are
/// more addresses than the table holds.
fn newcomer(address: SocketAddr) -> Result<Observation> {
    let from = move |client: String| open_with(address, "/many", &format!("x-forwarded-for: {client}\r\n"))?.greet();
    // Clients for which there is no room are closed.
    let fill = move |networks: Range<u16>| {
        networks.map(|at| from(format!("2001:db8:0:{at:x}::1"))).all(|observed| observed.is_ok())
    };
    let filled = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|part| scope.spawn(move || fill(part * 250..(part + 1) * 250))).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or_default())
    });
    if !filled {
        return Err("a handshake of the network failed".into());
    }
    for newcomer in 0..10 {
        let observed = from(format!("2001:{:x}::1", 0x1000 + newcomer))?;
        if observed != Observation::Echoed(1) {
            return Ok(observed);
        }
    }
    Ok(Observation::Echoed(10))
}

/// A message every 55 ms, where one every 50 is allowed.
fn drip(address: SocketAddr) -> Result<Observation> {
    let mut socket = open(address, "/user?name=drip")?;
    for _ in 0..60 {
        socket.send(&frames(1, 0x81, b"drip"))?;
        let observed = socket.read_messages(1);
        if observed != (Observation::Open { messages: 1 }) {
            return Ok(observed);
        }
        thread::sleep(Duration::from_millis(55));
    }
    Ok(Observation::Echoed(60))
}
