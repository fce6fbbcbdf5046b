//! A client of one node.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use tungstenite::{HandshakeError, Message, WebSocket, client::IntoClientRequest, error::Error};

use crate::Result;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

/// A WebSocket.
pub(crate) struct Client(WebSocket<TcpStream>);

impl Client {
    /// Connects as a user. `None` if the handshake is refused.
    pub(crate) fn connect(port: u16, path: &str, user: &str) -> Result<Option<Self>> {
        let stream = open(port)?;
        let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request()?;
        request.headers_mut().insert("x-user", user.parse()?);
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Some(Self(socket))),
            Err(HandshakeError::Failure(Error::Http(_))) => Ok(None),
            Err(error) => Err(error.to_string().into()),
        }
    }

    /// Waits for the close frame, and returns its code.
    pub(crate) fn closed(&mut self) -> Result<Option<u16>> {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return Ok(frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends this many messages, and returns how many are echoed before the connection is closed.
    pub(crate) fn flood(&mut self, messages: u32) -> Result<u32> {
        for _ in 0..messages {
            if self.0.send(Message::text("again")).is_err() {
                break;
            }
        }
        let mut echoed = 0;
        loop {
            match self.0.read() {
                Ok(Message::Text(_)) => echoed += 1,
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Ok(echoed),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the other end still answers a ping.
    pub(crate) fn is_alive(&mut self) -> bool {
        let sent = self.0.send(Message::Ping("?".into()));
        sent.is_ok() && matches!(self.0.read(), Ok(Message::Pong(_)))
    }

    /// Sends a `GET`, and returns the body of the response.
    pub(crate) fn get(port: u16, path: &str) -> Result<String> {
        Self::exchange(port, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    /// Posts JSON, and returns the body of the response.
    pub(crate) fn post(port: u16, path: &str, json: &str) -> Result<String> {
        let length = json.len();
        let kind = "content-type: application/json";
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\nconnection: close");
        Self::exchange(port, &format!("{head}\r\ncontent-length: {length}\r\n\r\n{json}"))
    }

    fn exchange(port: u16, request: &str) -> Result<String> {
        let mut stream = open(port)?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

fn open(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
