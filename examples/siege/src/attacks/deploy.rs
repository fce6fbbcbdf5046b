//! No attack at all: the server is replaced.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::open,
};
use crate::{
    Result,
    raw::{self, PATIENCE, Raw, frames},
    saw::Saw,
};

pub(super) const ALL: &[Attack] =
    &[Attack { name: "deploy", run: deploy, want: Want::Replaced(1012, "service restarts") }];

/// How many are connected when the server is told to stop.
const CLIENTS: usize = 20;

/// Clients of a server that stops. Whatever they see of it, they turn to the next one.
fn deploy(address: SocketAddr) -> Result<Saw> {
    let answer = raw::get(address, "/deploy")?;
    let (_, port) = answer.rsplit_once("\r\n\r\n").ok_or("an answer without a body")?;
    let replaced = SocketAddr::new(address.ip(), port.parse()?);
    let clients = (0..CLIENTS).map(|_| connect(replaced)).collect::<Result<Vec<_>>>()?;
    raw::get(address, "/stop")?;
    let (mut ends, mut back) = (Vec::new(), 0);
    for mut client in clients {
        ends.push(client.end(PATIENCE));
        drop(client);
        back += usize::from(open(address, "/ws")?.greet()? == Saw::Echoed(1));
    }
    Ok(Saw::Replaced { ends, back })
}

/// A client that is in the middle of a conversation.
fn connect(address: SocketAddr) -> Result<Raw> {
    let mut socket = open(address, "/ws")?;
    socket.send(&frames(1, 0x81, b"hello"))?;
    match socket.read_messages(1) {
        Saw::Open { messages: 1 } => Ok(socket),
        saw => Err(format!("the server that is to be replaced does not answer: {saw}").into()),
    }
}
