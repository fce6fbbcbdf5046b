//! A socket that is open, and what may be done to the server with it.

use std::{
    io::{ErrorKind, Read, Write},
    thread,
    time::{Duration, Instant},
};

use portcullis_core::frame::{FrameHeader, Opcode};

use super::{
    answer::{self, Answer},
    frame::frame,
    heard::{End, Heard},
    wire::Wire,
};
use crate::{Result, saw::Saw};

/// The longest that any attack waits for its server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The most an attacker reads.
const MOST: usize = 64 * 1024 * 1024;

/// The most that is written at once.
const WRITE: usize = 64 * 1024;

/// Between two looks at a connection that neither takes nor gives anything.
const LOOK: Duration = Duration::from_micros(500);

pub(crate) struct Raw {
    wire: Wire,
    buffer: Vec<u8>,
    /// As every library does, and every browser.
    answers_pings: bool,
    /// What is in a message that is an answer.
    answer: Vec<u8>,
    /// A message that is a ping of the application's, and what is said to it.
    reply: Option<(Vec<u8>, Vec<u8>)>,
}

impl Raw {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, buffer: Vec::new(), answers_pings: false, answer: Vec::new(), reply: None }
    }

    /// The same, but for the pings that come from now on.
    pub(crate) fn answering_pings(self) -> Self {
        Self { answers_pings: true, ..self }
    }

    /// The same, for which only a message with this in it is an answer.
    pub(crate) fn expecting(self, answer: &[u8]) -> Self {
        Self { answer: answer.to_vec(), ..self }
    }

    /// The same, which says something to a message that is this, if it answers pings.
    pub(crate) fn replying(self, reply: Option<(Vec<u8>, Vec<u8>)>) -> Self {
        Self { reply, ..self }
    }

    /// The status of the answer to a handshake.
    pub(super) fn status(&mut self) -> Result<u16> {
        Ok(self.head()?.status)
    }

    /// The head of the answer to a request.
    pub(crate) fn head(&mut self) -> Result<Answer> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > answer::MOST {
                return Err("the head of the answer does not end".into());
            }
            if self.read_within(PATIENCE)? == 0 {
                return Err("the server ended before it answered".into());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        Answer::parse(&head)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.wait(PATIENCE)?;
        Ok(self.wire.write_all(bytes)?)
    }

    /// Reads up to so many messages, or says how the connection ended.
    pub(crate) fn read_messages(&mut self, most: u64) -> Saw {
        self.exchange(&[], PATIENCE, |heard| heard.messages >= most).into()
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
    pub(crate) fn storm(mut self, bytes: &[u8]) -> Saw {
        let saw = self.exchange(bytes, PATIENCE, |_| false).into();
        self.wire.shutdown();
        saw
    }

    /// Sends one byte after another, each after a pause. Ends early if the connection does.
    pub(crate) fn drip(&mut self, bytes: &[u8], pause: Duration) -> Saw {
        for byte in bytes {
            match self.exchange(&[*byte], pause, |_| false).into() {
                Saw::Open { .. } => {}
                ended => return ended,
            }
        }
        Saw::Open { messages: 0 }
    }

    /// Sends bytes, and says how the connection ended only once the server has let go of it.
    pub(crate) fn linger(mut self, bytes: &[u8]) -> Result<Saw> {
        self.send(bytes)?;
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
    pub(crate) fn reset(mut self) -> Result<()> {
        self.wire.wait(PATIENCE)?;
        self.wire.tcp().peek(&mut [0])?;
        Ok(())
    }

    /// Reads up to a close frame, the end, or the end of that time.
    pub(crate) fn end(&mut self, patience: Duration) -> Saw {
        self.exchange(&[], patience, |_| false).into()
    }

    /// Sends bytes while what comes back is read: until that is enough, the connection ends, or that time is over. A
    /// server that takes nothing more is heard all the same, and what it has not taken is not sent.
    pub(crate) fn exchange(&mut self, bytes: &[u8], patience: Duration, enough: impl Fn(&Heard) -> bool) -> Heard {
        let deadline = Instant::now() + patience;
        let mut heard = Heard { unsent: bytes.len(), ..Heard::default() };
        loop {
            while !enough(&heard) && heard.end.is_none() && self.hear(&mut heard) {}
            let over = enough(&heard) || heard.end.is_some() || heard.bytes > MOST;
            let Some(left) = left(deadline).filter(|_| !over) else { return heard };
            let unsent = &bytes[bytes.len() - heard.unsent..];
            let waits = unsent.is_empty() || heard.is_stuck;
            let read = if waits { self.read_within(left) } else { self.push(unsent, &mut heard) };
            match read {
                Ok(0) => heard.end = Some(End::Lost { reset: false }),
                Ok(read) => heard.bytes += read,
                Err(error) if is_timeout(&error) => {}
                Err(_) => heard.end = Some(End::Lost { reset: true }),
            }
        }
    }

    /// Writes what can be written, and reads what can be read, or waits for a moment.
    fn push(&mut self, bytes: &[u8], heard: &mut Heard) -> std::io::Result<usize> {
        self.wire.hurry()?;
        let written = match self.wire.write(&bytes[..bytes.len().min(WRITE)]) {
            Ok(written) => written,
            Err(error) if is_timeout(&error) => 0,
            // What a closed connection still says is read all the same.
            Err(_) => {
                heard.is_stuck = true;
                0
            }
        };
        heard.unsent -= written;
        let read = self.read_some();
        if written == 0 && read.as_ref().is_err_and(is_timeout) {
            thread::sleep(LOOK);
        }
        read
    }

    /// Sends bytes and reads nothing, until all of them are sent or none was taken for that time. Returns how many.
    pub(crate) fn stuff(&mut self, bytes: &[u8], patience: Duration) -> Result<usize> {
        self.wire.hurry()?;
        let (mut sent, mut deadline) = (0, Instant::now() + patience);
        while sent < bytes.len() && left(deadline).is_some() {
            match self.wire.write(&bytes[sent..bytes.len().min(sent + WRITE)]) {
                Ok(written) => {
                    sent += written;
                    deadline = Instant::now() + patience;
                }
                Err(error) if is_timeout(&error) => thread::sleep(LOOK),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn read_within(&mut self, time: Duration) -> std::io::Result<usize> {
        self.wire.wait(time)?;
        self.read_some()
    }

    fn read_some(&mut self) -> std::io::Result<usize> {
        let mut part = [0; 8 * 1024];
        let read = self.wire.read(&mut part)?;
        self.buffer.extend_from_slice(&part[..read]);
        Ok(read)
    }

    /// Counts the next frame that has come. `false` if none has, or not all of it.
    fn hear(&mut self, heard: &mut Heard) -> bool {
        let Some((header, payload)) = self.take() else { return false };
        match header.opcode() {
            Opcode::CLOSE => heard.end = Some(End::Closed(payload)),
            Opcode::PING => heard.pings += 1,
            Opcode::PONG => {
                heard.pongs += 1;
                heard.pong = payload;
            }
            Opcode::TEXT | Opcode::BINARY if self.is_answer(&payload) => heard.messages += 1,
            _ => heard.others += 1,
        }
        true
    }

    fn is_answer(&self, payload: &[u8]) -> bool {
        self.answer.is_empty() || payload.windows(self.answer.len()).any(|part| part == self.answer)
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
        if let Some(pong) = self.pong(header, &payload) {
            // How the connection has ended meanwhile, the next read tells.
            let _closed_meanwhile = self.wire.write_all(&pong);
        }
        Some((header, payload))
    }

    /// What answers a ping, if this is one and this client answers them.
    fn pong(&self, header: FrameHeader, payload: &[u8]) -> Option<Vec<u8>> {
        let reply = self.reply.as_ref().filter(|(asked, _)| asked == payload);
        let (first, payload) = match (header.opcode(), reply) {
            _ if !self.answers_pings => return None,
            (Opcode::PING, _) => (0x8a, payload),
            (Opcode::TEXT, Some((_, said))) => (0x81, said.as_slice()),
            _ => return None,
        };
        let mut pong = Vec::new();
        frame(&mut pong, first, payload);
        Some(pong)
    }
}

/// Whether patience ended, and not the connection.
pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// What is left until then, if anything.
fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}
