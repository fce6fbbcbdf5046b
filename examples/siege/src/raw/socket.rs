//! An open socket, and what an attacker can do with it.

use std::{
    io::{ErrorKind, Read, Write},
    thread,
    time::{Duration, Instant},
};

use portcullis_core::frame::{FrameHeader, Opcode};

use super::{
    answer::{self, Answer},
    frame::frame,
    received::{End, Received},
    wire::Wire,
};
use crate::{Result, observation::Observation};

/// The maximum time that an attack waits for its server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The maximum that an attacker reads.
const MOST: usize = 64 * 1024 * 1024;

/// The maximum that is written at once.
const WRITE: usize = 64 * 1024;

/// The pause between two polls of a connection that is neither readable nor writable.
const LOOK: Duration = Duration::from_micros(500);

pub(crate) struct Raw {
    wire: Wire,
    buffer: Vec<u8>,
    /// Whether it answers pings, as every library and browser does.
    answers_pings: bool,
    /// A text that answers contain.
    answer: Vec<u8>,
    /// A text message that is a ping of the application, and the reply to it.
    reply: Option<(Vec<u8>, Vec<u8>)>,
}

impl Raw {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, buffer: Vec::new(), answers_pings: false, answer: Vec::new(), reply: None }
    }

    /// Answers pings from now on.
    pub(crate) fn answering_pings(self) -> Self {
        Self { answers_pings: true, ..self }
    }

    /// Counts only messages that contain `answer` as answers.
    pub(crate) fn expecting(self, answer: &[u8]) -> Self {
        Self { answer: answer.to_vec(), ..self }
    }

    /// Replies to a text message that is a ping of the application, if it answers pings.
    pub(crate) fn replying(self, reply: Option<(Vec<u8>, Vec<u8>)>) -> Self {
        Self { reply, ..self }
    }

    /// Reads the status of the response to a handshake.
    pub(super) fn status(&mut self) -> Result<u16> {
        Ok(self.head()?.status)
    }

    /// Reads the head of the response to a request.
    pub(crate) fn head(&mut self) -> Result<Answer> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > answer::MOST {
                return Err("the head of the response does not end".into());
            }
            if self.read_within(PATIENCE)? == 0 {
                return Err("the server disconnected before it responded".into());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        Answer::parse(&head)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.wait(PATIENCE)?;
        Ok(self.wire.write_all(bytes)?)
    }

    /// Reads up to `most` messages, or until the connection ends.
    pub(crate) fn read_messages(&mut self, most: u64) -> Observation {
        self.exchange(&[], PATIENCE, |received| received.messages >= most).into()
    }

    /// Sends bytes that are `messages` messages, and reads their echoes, or until the connection ends.
    pub(crate) fn converse(mut self, bytes: &[u8], messages: u64) -> Result<Observation> {
        self.send(bytes)?;
        Ok(match self.read_messages(messages) {
            Observation::Open { messages: echoed } if echoed == messages => Observation::Echoed(echoed),
            ended => ended,
        })
    }

    /// Sends one message and reads its echo.
    pub(crate) fn greet(self) -> Result<Observation> {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0x81, b"hello");
        self.converse(&bytes, 1)
    }

    /// Sends bytes while reading, and observes how the connection ends.
    pub(crate) fn storm(mut self, bytes: &[u8]) -> Observation {
        let observed = self.exchange(bytes, PATIENCE, |_| false).into();
        self.wire.shutdown();
        observed
    }

    /// Sends one byte after another with pauses. Ends early if the connection ends.
    pub(crate) fn drip(&mut self, bytes: &[u8], pause: Duration) -> Observation {
        for byte in bytes {
            match self.exchange(&[*byte], pause, |_| false).into() {
                Observation::Open { .. } => {}
                ended => return ended,
            }
        }
        Observation::Open { messages: 0 }
    }

    /// Sends bytes, and waits until the server has disconnected.
    pub(crate) fn linger(mut self, bytes: &[u8]) -> Result<Observation> {
        self.send(bytes)?;
        let observed = self.end(PATIENCE);
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = left(deadline) {
            match self.read_within(left) {
                Ok(1..) => {}
                Err(error) if is_timeout(&error) => break,
                Ok(0) | Err(_) => return Ok(observed),
            }
        }
        Ok(Observation::Open { messages: 0 })
    }

    /// Disconnects with a reset: the kernel sends one if data is unread, such as an echo here.
    pub(crate) fn reset(mut self) -> Result<()> {
        self.wire.wait(PATIENCE)?;
        self.wire.tcp().peek(&mut [0])?;
        Ok(())
    }

    /// Reads until a close frame, the end of the connection, or the timeout.
    pub(crate) fn end(&mut self, patience: Duration) -> Observation {
        self.exchange(&[], patience, |_| false).into()
    }

    /// Sends bytes while reading, until that is `enough`, the connection ends, or the time is over. If the server stops
    /// reading, its frames are still received, and the rest of the bytes is not sent.
    pub(crate) fn exchange(
        &mut self,
        bytes: &[u8],
        patience: Duration,
        enough: impl Fn(&Received) -> bool,
    ) -> Received {
        let deadline = Instant::now() + patience;
        let mut received = Received { unsent: bytes.len(), ..Received::default() };
        loop {
            while !enough(&received) && received.end.is_none() && self.receive_frame(&mut received) {}
            let over = enough(&received) || received.end.is_some() || received.bytes > MOST;
            let Some(left) = left(deadline).filter(|_| !over) else { return received };
            let unsent = &bytes[bytes.len() - received.unsent..];
            let waits = unsent.is_empty() || received.is_stuck;
            let read = if waits { self.read_within(left) } else { self.push(unsent, &mut received) };
            match read {
                Ok(0) => received.end = Some(End::Lost { reset: false }),
                Ok(read) => received.bytes += read,
                Err(error) if is_timeout(&error) => {}
                Err(_) => received.end = Some(End::Lost { reset: true }),
            }
        }
    }

    /// Writes and reads what is possible, or waits for a moment.
    fn push(&mut self, bytes: &[u8], received: &mut Received) -> std::io::Result<usize> {
        self.wire.hurry()?;
        let written = match self.wire.write(&bytes[..bytes.len().min(WRITE)]) {
            Ok(written) => written,
            Err(error) if is_timeout(&error) => 0,
            // What was received before the connection closed is still read.
            Err(_) => {
                received.is_stuck = true;
                0
            }
        };
        received.unsent -= written;
        let read = self.read_some();
        if written == 0 && read.as_ref().is_err_and(is_timeout) {
            thread::sleep(LOOK);
        }
        read
    }

    /// Sends bytes without reading, until all are sent or none were accepted for this time. Returns how many were sent.
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

    /// Counts the next frame. `false` if there is none, or it is incomplete.
    fn receive_frame(&mut self, received: &mut Received) -> bool {
        let Some((header, payload)) = self.take() else { return false };
        match header.opcode() {
            Opcode::CLOSE => received.end = Some(End::Closed(payload)),
            Opcode::PING => received.pings += 1,
            Opcode::PONG => {
                received.pongs += 1;
                received.pong = payload;
            }
            Opcode::TEXT | Opcode::BINARY if self.is_answer(&payload) => received.messages += 1,
            _ => received.others += 1,
        }
        true
    }

    fn is_answer(&self, payload: &[u8]) -> bool {
        self.answer.is_empty() || payload.windows(self.answer.len()).any(|part| part == self.answer)
    }

    /// Takes the next frame, answering pings if this client does so.
    fn take(&mut self) -> Option<(FrameHeader, Vec<u8>)> {
        let header = FrameHeader::parse(&self.buffer)?;
        let end = header.len().checked_add(usize::try_from(header.payload_len()).ok()?)?;
        if self.buffer.len() < end {
            return None;
        }
        let mut payload: Vec<u8> = self.buffer.drain(..end).collect();
        payload.drain(..header.len());
        if let Some(pong) = self.pong(header, &payload) {
            // If the connection has ended, the next read reports it.
            let _closed_meanwhile = self.wire.write_all(&pong);
        }
        Some((header, payload))
    }

    /// The answer to a ping, if this is one and this client answers them.
    fn pong(&self, header: FrameHeader, payload: &[u8]) -> Option<Vec<u8>> {
        let reply = self.reply.as_ref().filter(|(ping, _)| ping == payload);
        let (first, payload) = match (header.opcode(), reply) {
            _ if !self.answers_pings => return None,
            (Opcode::PING, _) => (0x8a, payload),
            (Opcode::TEXT, Some((_, reply))) => (0x81, reply.as_slice()),
            _ => return None,
        };
        let mut pong = Vec::new();
        frame(&mut pong, first, payload);
        Some(pong)
    }
}

/// Whether the error is a timeout, and not the end of the connection.
pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The time left until the deadline, if any.
fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}
