//! The clients that must get through.

use std::net::{SocketAddr, TcpStream};

use tungstenite::{ClientRequestBuilder, Message, WebSocket};

use super::attack::{Attack, Want};
use crate::{
    Result,
    page::OWN,
    raw::{self, PATIENCE},
    saw::Saw,
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "own page", run: |address| talk(address, Some(OWN), 1), want: Want::Echoed },
    Attack { name: "client without origin", run: |address| talk(address, None, 1), want: Want::Echoed },
    Attack { name: "bursts within the limit", run: |address| talk(address, Some(OWN), 10), want: Want::Echoed },
    Attack { name: "message of 16 MiB", run: large, want: Want::Echoed },
    Attack { name: "GET with upgrade: h2c", run: plain_get, want: Want::Answered(200) },
];

/// What `curl --http2` sends: an offer to upgrade that the server may ignore.
fn plain_get(address: SocketAddr) -> Result<Saw> {
    Ok(Saw::Answered(raw::offer_h2c(address, "/stats")?))
}

/// Sends thirty messages, so many at once, and checks every answer.
fn talk(address: SocketAddr, origin: Option<&str>, at_once: u32) -> Result<Saw> {
    let mut socket = connect(address, "/ws", origin)?;
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

/// As much as axum takes in one frame, where nobody has said that it is too much.
fn large(address: SocketAddr) -> Result<Saw> {
    let mut socket = connect(address, "/large", Some(OWN))?;
    let sent = Message::binary((0_u8..=255).cycle().take(16 * 1024 * 1024).collect::<Vec<_>>());
    socket.send(sent.clone())?;
    let saw = if socket.read()? == sent { Saw::Echoed(1) } else { Saw::Open { messages: 1 } };
    socket.close(None)?;
    Ok(saw)
}

fn connect(address: SocketAddr, path: &str, origin: Option<&str>) -> Result<WebSocket<TcpStream>> {
    let mut request = ClientRequestBuilder::new(format!("ws://{address}{path}").parse()?);
    if let Some(origin) = origin {
        request = request.with_header("Origin", origin);
    }
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (socket, _) = tungstenite::client(request, stream)?;
    Ok(socket)
}
