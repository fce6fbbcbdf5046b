//! One stream of an HTTP/2 connection (RFC 9113), read and written like a connection.

use std::io::{Error, ErrorKind, Read, Result, Write};

use super::wire::Wire;

/// The kinds of frames that are handled.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;

/// The largest frame, unless a client allows more (RFC 9113, section 4.2).
pub(super) const LARGEST: usize = 16 * 1024;

/// An HTTP/2 frame.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame, if it is complete.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>> {
        let Some(&[a, b, c, kind, flags, ref stream @ ..]) = bytes.first_chunk::<9>() else { return Ok(None) };
        let stream = u32::from_be_bytes(*stream);
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > LARGEST {
            return Err(Error::new(ErrorKind::InvalidData, "an HTTP/2 frame is too large"));
        }
        if bytes.len() < 9 + length {
            return Ok(None);
        }
        let payload = bytes.drain(..9 + length).skip(9).collect();
        Ok(Some(Self { kind, flags, stream, payload }))
    }

    pub(super) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, a, b, c] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        out.extend([a, b, c, kind, flags]);
        out.extend(stream.to_be_bytes());
        out.extend(payload);
    }
}

/// The flow-control windows (RFC 9113, section 5.2): how much may still be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) connection: i64,
    /// The window of the last stream.
    pub(super) stream: i64,
    /// The initial window of a new stream.
    initial: i64,
}

/// The default window.
const WINDOW: i64 = 65_535;

impl Windows {
    pub(super) fn new() -> Self {
        Self { connection: WINDOW, stream: WINDOW, initial: WINDOW }
    }

    pub(super) fn open(&mut self) {
        self.stream = self.initial;
    }

    fn left(self) -> usize {
        usize::try_from(self.connection.min(self.stream)).unwrap_or(0)
    }

    fn spend(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.connection -= bytes;
        self.stream -= bytes;
    }

    /// Applies a frame that changes windows. `own` is the last stream.
    pub(super) fn learn(&mut self, frame: &Frame, own: u32) {
        match (frame.kind, frame.payload.first_chunk()) {
            (WINDOW_UPDATE, Some(more)) => {
                let more = i64::from(u32::from_be_bytes(*more) & 0x7fff_ffff);
                match frame.stream {
                    0 => self.connection += more,
                    stream if stream == own => self.stream += more,
                    _ => {}
                }
            }
            (SETTINGS, _) if frame.flags & ACK == 0 => {
                for setting in frame.payload.chunks_exact(6) {
                    // SETTINGS_INITIAL_WINDOW_SIZE, which changes the windows of live streams, too.
                    if let [0, 4, size @ ..] = setting
                        && let Ok(size) = <[u8; 4]>::try_from(size)
                    {
                        let size = i64::from(u32::from_be_bytes(size));
                        self.stream += size - self.initial;
                        self.initial = size;
                    }
                }
            }
            _ => {}
        }
    }
}

/// An open stream.
pub(crate) struct Tunnel {
    wire: Wire,
    stream: u32,
    windows: Windows,
    /// Bytes of an incomplete frame.
    unread: Vec<u8>,
    /// Data received on the stream.
    data: Vec<u8>,
    /// Frames to write, or the rest of one.
    unsent: Vec<u8>,
    end: Option<Ended>,
}

#[derive(Clone, Copy)]
enum Ended {
    Whole,
    Reset,
}

impl Tunnel {
    pub(super) fn new(wire: Wire, stream: u32, windows: Windows, unread: Vec<u8>) -> Self {
        Self { wire, stream, windows, unread, data: Vec::new(), unsent: Vec::new(), end: None }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Reads once, and handles all complete frames.
    fn pump(&mut self) -> Result<()> {
        let mut part = [0; LARGEST];
        let read = self.wire.read(&mut part)?;
        if read == 0 {
            self.end.get_or_insert(Ended::Whole);
        }
        self.unread.extend_from_slice(&part[..read]);
        self.handle()
    }

    fn handle(&mut self) -> Result<()> {
        while let Some(frame) = Frame::take(&mut self.unread)? {
            self.windows.learn(&frame, self.stream);
            let own = frame.stream == self.stream;
            match frame.kind {
                DATA => self.take_data(&frame, own),
                HEADERS if own && frame.flags & END_STREAM != 0 => drop(self.end.get_or_insert(Ended::Whole)),
                RST_STREAM if own => drop(self.end.get_or_insert(Ended::Reset)),
                GOAWAY => drop(self.end.get_or_insert(Ended::Reset)),
                SETTINGS if frame.flags & ACK == 0 => Frame::put(&mut self.unsent, SETTINGS, ACK, 0, &[]),
                PING if frame.flags & ACK == 0 => Frame::put(&mut self.unsent, PING, ACK, 0, &frame.payload),
                _ => {}
            }
        }
        self.flush_some()
    }

    /// Stores received data, and replenishes the windows.
    fn take_data(&mut self, frame: &Frame, own: bool) {
        if let Some(more) = u32::try_from(frame.payload.len()).ok().filter(|more| *more > 0) {
            for stream in [0, frame.stream] {
                Frame::put(&mut self.unsent, WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
            }
        }
        if own {
            self.data.extend_from_slice(&frame.payload);
            if frame.flags & END_STREAM != 0 {
                self.end.get_or_insert(Ended::Whole);
            }
        }
    }

    /// Writes pending frames, as far as the connection accepts them.
    fn flush_some(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.wire.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if is_timeout(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_timeout(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Read for Tunnel {
    fn read(&mut self, part: &mut [u8]) -> Result<usize> {
        self.handle()?;
        loop {
            if !self.data.is_empty() {
                let some = self.data.len().min(part.len());
                part[..some].copy_from_slice(&self.data[..some]);
                self.data.drain(..some);
                return Ok(some);
            }
            match self.end {
                Some(Ended::Whole) => return Ok(0),
                Some(Ended::Reset) => return Err(ErrorKind::ConnectionReset.into()),
                None => self.pump()?,
            }
        }
    }
}

impl Write for Tunnel {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.flush_some()?;
        while self.windows.left() == 0 || !self.unsent.is_empty() {
            if self.end.is_some() {
                return Err(ErrorKind::BrokenPipe.into());
            }
            // Wait for the server to replenish the window.
            self.pump()?;
        }
        if self.end.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let some = bytes.len().min(self.windows.left()).min(LARGEST);
        Frame::put(&mut self.unsent, DATA, 0, self.stream, &bytes[..some]);
        self.windows.spend(some);
        self.flush_some()?;
        Ok(some)
    }

    fn flush(&mut self) -> Result<()> {
        self.wire.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Frame {
        Frame { kind, flags, stream, payload: payload.to_vec() }
    }

    #[test]
    fn frames_are_taken_whole_and_in_order() {
        let mut bytes = Vec::new();
        Frame::put(&mut bytes, DATA, END_STREAM, 3, b"hello");
        Frame::put(&mut bytes, PING, 0, 0, &[7; 8]);
        let mut arrived = Vec::new();
        let mut taken = Vec::new();
        for byte in bytes {
            arrived.push(byte);
            while let Some(frame) = Frame::take(&mut arrived).expect("they are small") {
                taken.push((frame.kind, frame.flags, frame.stream, frame.payload));
            }
        }
        assert_eq!(taken, [(DATA, END_STREAM, 3, b"hello".to_vec()), (PING, 0, 0, vec![7; 8])]);
        assert!(Frame::take(&mut vec![0xff; 9]).is_err(), "larger than this client allows");
    }

    #[test]
    fn no_more_is_sent_than_the_server_allows() {
        let mut windows = Windows::new();
        windows.open();
        windows.spend(65_535);
        assert_eq!(windows.left(), 0);
        windows.learn(&frame(WINDOW_UPDATE, 0, 0, &100_u32.to_be_bytes()), 1);
        assert_eq!(windows.left(), 0, "the stream's is empty");
        windows.learn(&frame(WINDOW_UPDATE, 0, 3, &100_u32.to_be_bytes()), 1);
        assert_eq!(windows.left(), 0, "that is another stream's");
        windows.learn(&frame(WINDOW_UPDATE, 0, 1, &60_u32.to_be_bytes()), 1);
        assert_eq!(windows.left(), 60);
        windows.learn(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), 1);
        assert_eq!(windows.left(), 0, "a window may be negative");
        windows.learn(&frame(SETTINGS, ACK, 0, &[]), 1);
        windows.open();
        assert_eq!((windows.stream, windows.connection), (0, 100));
    }
}
