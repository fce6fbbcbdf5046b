//! Not an attack: the server is replaced.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::open,
};
use crate::{
    Result,
    observation::Observation,
    raw::{self, PATIENCE, Raw, frames},
};

pub(super) const ALL: &[Attack] =
    &[Attack { name: "deploy", run: deploy, want: Want::Replaced(1012, "service restarts") }];

/// How many clients are connected when the server is stopped.
const CLIENTS: usize = 20;

/// Clients of a server that stops. Whatever they observe, they reconnect to the next one.
fn deploy(address: SocketAddr) -> Result<Observation> {
    let response = raw::get(address, "/deploy")?;
    let (_, port) = response.rsplit_once("\r\n\r\n").ok_or("a response without a body")?;
    let replaced = SocketAddr::new(address.ip(), port.parse()?);
    let clients = (0..CLIENTS).map(|_| connect(replaced)).collect::<Result<Vec<_>>>()?;
    raw::get(address, "/stop")?;
    let (mut ends, mut back) = (Vec::new(), 0);
    for mut client in clients {
        ends.push(client.end(PATIENCE));
        drop(client);
        back += usize::from(open(address, "/ws")?.greet()? == Observation::Echoed(1));
    }
    Ok(Observation::Replaced { ends, back })
}

/// A client that has exchanged a message.
fn connect(address: SocketAddr) -> Result<Raw> {
    let mut socket = open(address, "/ws")?;
    socket.send(&frames(1, 0x81, b"hello"))?;
    match socket.read_messages(1) {
        Observation::Open { messages: 1 } => Ok(socket),
        observed => Err(format!("the server to be replaced does not respond: {observed}").into()),
    }
}
