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
    /// Connects as a user. `None` if that is refused.
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

    /// What the connection is closed with. Waits for it.
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

    /// Sends so many messages. How many are answered before the connection is closed.
    pub(crate) fn flood(&mut self, messages: u32) -> Result<u32> {
        for _ in 0..messages {
            if self.0.send(Message::text("again")).is_err() {
                break;
            }
        }
        let mut answered = 0;
        loop {
            match self.0.read() {
                Ok(Message::Text(_)) => answered += 1,
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Ok(answered),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the other end still answers.
    pub(crate) fn is_alive(&mut self) -> bool {
        let asked = self.0.send(Message::Ping("?".into()));
        asked.is_ok() && matches!(self.0.read(), Ok(Message::Pong(_)))
    }

    /// The body of a plain answer.
    pub(crate) fn get(port: u16, path: &str) -> Result<String> {
        Self::ask(port, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    /// The body of the answer to JSON.
    pub(crate) fn post(port: u16, path: &str, json: &str) -> Result<String> {
        let length = json.len();
        let kind = "content-type: application/json";
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\nconnection: close");
        Self::ask(port, &format!("{head}\r\ncontent-length: {length}\r\n\r\n{json}"))
    }

    fn ask(port: u16, request: &str) -> Result<String> {
        let mut stream = open(port)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

fn open(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
