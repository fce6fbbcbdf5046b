//! The clients that must get through.

use std::net::{SocketAddr, TcpStream};

use tungstenite::{ClientRequestBuilder, Message, WebSocket};

use super::attack::{Attack, Want};
use crate::{
    Result,
    observation::Observation,
    page::OWN,
    raw::{self, PATIENCE},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "own page", run: |address| talk(address, Some(OWN), 1), want: Want::Echoed },
    Attack { name: "client without origin", run: |address| talk(address, None, 1), want: Want::Echoed },
    Attack { name: "bursts within the limit", run: |address| talk(address, Some(OWN), 10), want: Want::Echoed },
    Attack { name: "message of 16 MiB", run: large, want: Want::Echoed },
    Attack { name: "GET with upgrade: h2c", run: plain_get, want: Want::Answered(200) },
];

/// Sends what `curl --http2` sends: an offer to upgrade, which the server may ignore.
fn plain_get(address: SocketAddr) -> Result<Observation> {
    Ok(Observation::Answered(raw::offer_h2c(address, "/stats")?))
}

/// Sends thirty messages, `at_once` at a time, and checks every echo.
fn talk(address: SocketAddr, origin: Option<&str>, at_once: u32) -> Result<Observation> {
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
                return Ok(Observation::Open { messages: echoed });
            }
            echoed += 1;
        }
    }
    socket.close(None)?;
    Ok(Observation::Echoed(echoed))
}

/// Sends as much as axum accepts in one frame, on a route without a size limit.
fn large(address: SocketAddr) -> Result<Observation> {
    let mut socket = connect(address, "/large", Some(OWN))?;
    let sent = Message::binary((0_u8..=255).cycle().take(16 * 1024 * 1024).collect::<Vec<_>>());
    socket.send(sent.clone())?;
    let observed = if socket.read()? == sent { Observation::Echoed(1) } else { Observation::Open { messages: 1 } };
    socket.close(None)?;
    Ok(observed)
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
