//! A client that writes many messages, and little else.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use portcullis::frame::{FrameHeader, Opcode, put_frame};

use crate::{Result, peer::Words, token::OWN};

pub(crate) struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What the server sent.
pub(crate) enum Said {
    Answer,
    Other,
    End,
}

impl Socket {
    /// Sends a handshake with this token, and the first messages. `None` if it is refused.
    pub(crate) fn open(address: SocketAddr, words: &Words, token: &str) -> Result<Option<Self>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut socket = Self { stream, buffer: Vec::new() };
        socket.stream.write_all(head(words, token).as_bytes())?;
        let end = loop {
            if let Some(at) = socket.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if socket.fill()? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = socket.buffer.drain(..end).collect();
        if head.get(9..12) != Some(b"101") {
            return Ok(None);
        }
        if !words.first.is_empty() {
            socket.say(&words.first.replace("{token}", token))?;
        }
        Ok(Some(socket))
    }

    pub(crate) fn say(&mut self, text: &str) -> Result<()> {
        let mut out = Vec::new();
        put_frame(&mut out, 0x81, text.as_bytes(), Some([1, 2, 3, 4]));
        Ok(self.stream.write_all(&out)?)
    }

    /// Sends a message and receives the answer. `false` if the connection has ended.
    pub(crate) fn converse(&mut self, words: &Words) -> Result<bool> {
        self.say(words.message)?;
        loop {
            match self.next(words.answer)? {
                Said::Answer => return Ok(true),
                Said::Other => {}
                Said::End => return Ok(false),
            }
        }
    }

    /// The next frame.
    pub(crate) fn next(&mut self, answer: &str) -> Result<Said> {
        loop {
            if let Some(header) = FrameHeader::parse(&self.buffer) {
                let end = header.len() + usize::try_from(header.payload_len())?;
                if self.buffer.len() >= end {
                    let payload: Vec<u8> = self.buffer.drain(..end).skip(header.len()).collect();
                    return Ok(self.said(header, &payload, answer));
                }
            }
            // A reset is an end as well.
            if self.fill().unwrap_or(0) == 0 {
                return Ok(Said::End);
            }
        }
    }

    fn said(&mut self, header: FrameHeader, payload: &[u8], answer: &str) -> Said {
        match header.opcode() {
            Opcode::CLOSE => Said::End,
            Opcode::PING => {
                let mut out = Vec::new();
                put_frame(&mut out, 0x8a, payload, Some([1, 2, 3, 4]));
                // If the connection has ended, the next read reports it.
                let _closed_meanwhile = self.stream.write_all(&out);
                Said::Other
            }
            Opcode::TEXT if String::from_utf8_lossy(payload).contains(answer) => Said::Answer,
            _ => Said::Other,
        }
    }

    /// Writes bytes while another thread reads.
    pub(crate) fn writer(&self) -> Result<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    fn fill(&mut self) -> std::io::Result<usize> {
        let mut part = [0; 16 * 1024];
        let read = self.stream.read(&mut part)?;
        self.buffer.extend_from_slice(&part[..read]);
        Ok(read)
    }
}

fn head(words: &Words, token: &str) -> String {
    let (place, name) = words.token_in.split_once(':').unwrap_or((words.token_in, ""));
    let (mut path, mut header) = (words.path.to_owned(), String::new());
    match place {
        "bearer" => header = format!("authorization: Bearer {token}\r\n"),
        "cookie" => header = format!("cookie: {name}={token}\r\n"),
        "query" => path = format!("{path}&{name}={token}"),
        _ => {}
    }
    format!(
        "GET {path} HTTP/1.1\r\nhost: chat.example\r\norigin: {OWN}\r\n{header}connection: Upgrade\r\nupgrade: \
         websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
