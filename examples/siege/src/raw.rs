//! A client that writes bytes, because a polite library does not misbehave.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use portcullis_core::frame::{FrameHeader, Opcode};

use crate::{Result, attacks::Saw};

/// The longest that any attack waits for its server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The most an attacker reads.
const MOST: usize = 64 * 1024 * 1024;

pub(crate) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An open socket, or the status of the refusal.
pub(crate) enum Opened {
    Socket(Raw),
    Status(u16),
}

pub(crate) fn open(address: SocketAddr, path: &str, origin: Option<&str>) -> Result<Opened> {
    open_with(address, path, &origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default())
}

/// The same with any headers, each with its end of line.
pub(crate) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Result<Opened> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: chat.example\r\n{headers}connection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut raw = Raw { stream, buffer: Vec::new() };
    let status = raw.status()?;
    Ok(if status == 101 { Opened::Socket(raw) } else { Opened::Status(status) })
}

/// Sends a plain request that offers HTTP/2, and returns the status of the answer.
pub(crate) fn offer_h2c(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: chat.example\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
         http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    )?;
    Raw { stream, buffer: Vec::new() }.status()
}

/// The whole answer to a plain request.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: chat.example\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Appends a frame, masked with zeros.
pub(crate) fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let len = payload.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.extend([first, 0x80 | len]),
        (_, Ok(len)) => {
            out.extend([first, 0xfe]);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.extend([first, 0xff]);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

impl Raw {
    fn status(&mut self) -> Result<u16> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if self.read()? == 0 {
                return Err("the server ended before it answered".into());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let status = head.get(9..12).ok_or("no status line")?;
        Ok(std::str::from_utf8(status)?.parse()?)
    }

    fn read(&mut self) -> std::io::Result<usize> {
        let mut part = [0; 8 * 1024];
        let read = self.stream.read(&mut part)?;
        self.buffer.extend_from_slice(&part[..read]);
        Ok(read)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads up to so many messages. Returns how many there were before the connection closed, or patience ended.
    pub(crate) fn read_messages(&mut self, most: usize) -> usize {
        let mut messages = 0;
        while messages < most {
            match self.take() {
                Some((header, _)) if header.opcode() == Opcode::CLOSE => break,
                Some((header, _)) => messages += usize::from(header.starts_message()),
                None => match self.read() {
                    Ok(1..) => {}
                    _ => break,
                },
            }
        }
        messages
    }

    /// Sends one message, and leaves with its echo.
    pub(crate) fn greet(mut self) -> Result<Saw> {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0x81, b"hello");
        self.stream.write_all(&bytes)?;
        loop {
            if let Some((header, _)) = self.take() {
                return Ok(if header.opcode() == Opcode::TEXT { Saw::Echoed(1) } else { Saw::Open { messages: 0 } });
            }
            if self.read()? == 0 {
                return Ok(Saw::Lost { reset: false, messages: 0 });
            }
        }
    }

    /// Sends bytes while what comes back is read, and says how the connection ended.
    pub(crate) fn storm(mut self, bytes: Vec<u8>) -> Result<Saw> {
        let mut stream = self.stream.try_clone()?;
        let writer = std::thread::spawn(move || {
            // A server that closes does not read the rest.
            let _closed_meanwhile = stream.write_all(&bytes);
        });
        let saw = self.end();
        self.stream.shutdown(Shutdown::Both).ok();
        writer.join().map_err(|_| "the writer panicked")?;
        Ok(saw)
    }

    /// Sends bytes, and says how the connection ended only once the server has let go of it.
    pub(crate) fn linger(mut self, bytes: &[u8]) -> Result<Saw> {
        self.stream.write_all(bytes)?;
        let saw = self.end();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.read() {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Ok(0) | Err(_) => return Ok(saw),
            }
        }
        Ok(Saw::Open { messages: 0 })
    }

    /// Reads up to a close frame, the end, or the end of patience.
    fn end(&mut self) -> Saw {
        let (mut messages, mut seen) = (0, 0);
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some((header, payload)) = self.take() {
                match header.opcode() {
                    Opcode::CLOSE => return Saw::closed(&payload, messages),
                    Opcode::TEXT | Opcode::BINARY => messages += 1,
                    _ => {}
                }
            }
            match self.read() {
                Ok(0) => return Saw::Lost { reset: false, messages },
                Ok(read) => seen += read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Saw::Open { messages };
                }
                Err(_) => return Saw::Lost { reset: true, messages },
            }
            if seen > MOST || Instant::now() > deadline {
                return Saw::Open { messages };
            }
        }
    }

    fn take(&mut self) -> Option<(FrameHeader, Vec<u8>)> {
        let header = FrameHeader::parse(&self.buffer)?;
        let end = header.len().checked_add(usize::try_from(header.payload_len()).ok()?)?;
        if self.buffer.len() < end {
            return None;
        }
        let frame: Vec<u8> = self.buffer.drain(..end).collect();
        Some((header, frame[header.len()..].to_vec()))
    }
}
