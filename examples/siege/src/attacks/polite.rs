//! The clients that must get through.

use std::net::{SocketAddr, TcpStream};

use tungstenite::{ClientRequestBuilder, Message};

use super::{Attack, OWN, Saw, Want};
use crate::{
    Result,
    raw::{self, PATIENCE},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "own page", run: |address| talk(address, Some(OWN), 1), want: Want::Echoed },
    Attack { name: "client without origin", run: |address| talk(address, None, 1), want: Want::Echoed },
    Attack { name: "bursts within the limit", run: |address| talk(address, Some(OWN), 10), want: Want::Echoed },
    Attack { name: "GET with upgrade: h2c", run: plain_get, want: Want::Answered(200) },
];

/// What `curl --http2` sends: an offer to upgrade that the server may ignore.
fn plain_get(address: SocketAddr) -> Result<Saw> {
    Ok(Saw::Status(raw::offer_h2c(address, "/stats")?))
}

/// Sends thirty messages, so many at once, and checks every answer.
fn talk(address: SocketAddr, origin: Option<&str>, at_once: u32) -> Result<Saw> {
    let mut request = ClientRequestBuilder::new(format!("ws://{address}/ws").parse()?);
    if let Some(origin) = origin {
        request = request.with_header("Origin", origin);
    }
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut socket, _) = tungstenite::client(request, stream)?;
    let mut echoed = 0;
    for round in 0..30 / at_once {
        let texts: Vec<String> = (0..at_once).map(|at| format!("message {at} of round {round}")).collect();
        for text in &texts {
            socket.write(Message::text(text.as_str()))?;
        }
        socket.flush()?;
        for text in &texts {
            if socket.read()?.to_text()? != text {
                return Ok(Saw::Open { messages: echoed });
            }
            echoed += 1;
        }
    }
    socket.close(None)?;
    Ok(Saw::Echoed(echoed))
}
