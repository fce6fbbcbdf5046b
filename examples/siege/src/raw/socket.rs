//! A socket that is open, and what may be done to the server with it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use portcullis_core::frame::{FrameHeader, Opcode};

use super::frame::frame;
use crate::{Result, saw::Saw};

/// The longest that any attack waits for its server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The most an attacker reads.
const MOST: usize = 64 * 1024 * 1024;

pub(crate) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// As every library does, and every browser.
    answers_pings: bool,
}

impl Raw {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new(), answers_pings: false }
    }

    /// The same, but for the pings that come from now on.
    pub(crate) fn answering_pings(self) -> Self {
        Self { answers_pings: true, ..self }
    }

    /// The status of the answer to a handshake.
    pub(super) fn status(&mut self) -> Result<u16> {
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

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads up to so many messages, or says how the connection ended.
    pub(crate) fn read_messages(&mut self, most: u64) -> Saw {
        self.read_up_to(most, PATIENCE)
    }

    /// Sends bytes that are so many messages, and leaves with their echoes, or says how the connection ended.
    pub(crate) fn converse(mut self, bytes: &[u8], messages: u64) -> Result<Saw> {
        self.send(bytes)?;
        Ok(match self.read_messages(messages) {
            Saw::Open { messages: echoed } if echoed == messages => Saw::Echoed(echoed),
            ended => ended,
        })
    }

    /// Sends one message, and leaves with its echo.
    pub(crate) fn greet(self) -> Result<Saw> {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0x81, b"hello");
        self.converse(&bytes, 1)
    }

    /// Sends bytes while what comes back is read, and says how the connection ended.
    pub(crate) fn storm(mut self, bytes: Vec<u8>) -> Result<Saw> {
        let mut stream = self.stream.try_clone()?;
        let writer = std::thread::spawn(move || {
            // A server that closes does not read the rest.
            let _closed_meanwhile = stream.write_all(&bytes);
        });
        let saw = self.end(PATIENCE);
        self.stream.shutdown(Shutdown::Both).ok();
        writer.join().map_err(|_| "the writer panicked")?;
        Ok(saw)
    }

    /// Sends one byte after another, each after a pause. Ends early if the connection does.
    pub(crate) fn drip(&mut self, bytes: &[u8], pause: Duration) -> Saw {
        for byte in bytes {
            // What a closed connection still says is read all the same.
            let _closed_meanwhile = self.stream.write_all(&[*byte]);
            match self.end(pause) {
                Saw::Open { .. } => {}
                ended => return ended,
            }
        }
        Saw::Open { messages: 0 }
    }

    /// Sends bytes, and says how the connection ended only once the server has let go of it.
    pub(crate) fn linger(mut self, bytes: &[u8]) -> Result<Saw> {
        self.stream.write_all(bytes)?;
        let saw = self.end(PATIENCE);
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = left(deadline) {
            match self.read_within(left) {
                Ok(1..) => {}
                Err(error) if is_timeout(&error) => break,
                Ok(0) | Err(_) => return Ok(saw),
            }
        }
        Ok(Saw::Open { messages: 0 })
    }

    /// Leaves with a reset: the kernel sends one where something is left unread, as an echo is here.
    pub(crate) fn reset(self) -> Result<()> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.peek(&mut [0])?;
        Ok(())
    }

    /// Reads up to a close frame, the end, or the end of that time.
    pub(crate) fn end(&mut self, patience: Duration) -> Saw {
        self.read_up_to(u64::MAX, patience)
    }

    fn read_up_to(&mut self, most: u64, patience: Duration) -> Saw {
        let (mut messages, mut seen) = (0, 0);
        let deadline = Instant::now() + patience;
        loop {
            while messages < most {
                let Some((header, payload)) = self.take() else { break };
                match header.opcode() {
                    Opcode::CLOSE => return Saw::closed(&payload, messages),
                    Opcode::TEXT | Opcode::BINARY => messages += 1,
                    _ => {}
                }
            }
            let goes_on = messages < most && seen <= MOST;
            let Some(left) = left(deadline).filter(|_| goes_on) else { return Saw::Open { messages } };
            match self.read_within(left) {
                Ok(0) => return Saw::Lost { reset: false, messages },
                Ok(read) => seen += read,
                Err(error) if is_timeout(&error) => return Saw::Open { messages },
                Err(_) => return Saw::Lost { reset: true, messages },
            }
        }
    }

    fn read(&mut self) -> std::io::Result<usize> {
        self.read_within(PATIENCE)
    }

    fn read_within(&mut self, time: Duration) -> std::io::Result<usize> {
        let mut part = [0; 8 * 1024];
        self.stream.set_read_timeout(Some(time))?;
        let read = self.stream.read(&mut part)?;
        self.buffer.extend_from_slice(&part[..read]);
        Ok(read)
    }

    /// The next frame that has come, its ping answered if that is what this client does.
    fn take(&mut self) -> Option<(FrameHeader, Vec<u8>)> {
        let header = FrameHeader::parse(&self.buffer)?;
        let end = header.len().checked_add(usize::try_from(header.payload_len()).ok()?)?;
        if self.buffer.len() < end {
            return None;
        }
        let mut payload: Vec<u8> = self.buffer.drain(..end).collect();
        payload.drain(..header.len());
        if self.answers_pings && header.opcode() == Opcode::PING {
            let mut pong = Vec::new();
            frame(&mut pong, 0x8a, &payload);
            // How the connection has ended meanwhile, the next read tells.
            let _closed_meanwhile = self.stream.write_all(&pong);
        }
        Some((header, payload))
    }
}

/// Whether patience ended, and not the connection.
pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What is left until then, if anything.
fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}
