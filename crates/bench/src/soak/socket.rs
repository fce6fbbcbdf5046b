//! A client's socket, which does what a polite library would not.

use std::{io, net::SocketAddr};

use portcullis_core::frame::{FrameHeader, put_frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{client, load::MASK};

/// What comes next.
pub(super) enum Seen {
    Ping(Vec<u8>),
    /// Any other frame.
    Frame,
    /// A close frame, with this code and reason.
    Close(String),
}

pub(super) struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    /// Connects. Reads little at a time if `narrow`.
    pub(super) async fn connect(address: SocketAddr, narrow: bool) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // One address does not have as many ports as there are clients in a minute.
        socket.bind(SocketAddr::from(([127, 0, 0, fastrand::u8(2..=250)], 0)))?;
        if narrow {
            socket.set_recv_buffer_size(4096)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The status of the answer to a handshake.
    pub(super) async fn ask(&mut self, path: &str, headers: &str) -> io::Result<u16> {
        self.write(client::request(path, headers).as_bytes()).await?;
        let end = loop {
            match self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.fill().await?,
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let status = head.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        status.ok_or_else(|| io::Error::other("an answer without a status"))
    }

    /// Sends the same frame a number of times.
    pub(super) async fn send(&mut self, count: usize, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, payload, Some(MASK));
        self.write(&frame.repeat(count)).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame; an error at the end.
    pub(super) async fn next(&mut self) -> io::Result<Seen> {
        loop {
            if let Some(seen) = self.take()? {
                return Ok(seen);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn take(&mut self) -> io::Result<Option<Seen>> {
        let Some(header) = FrameHeader::parse(&self.buffer) else { return Ok(None) };
        let end = header.len() + usize::try_from(header.payload_len()).map_err(io::Error::other)?;
        if self.buffer.len() < end {
            return Ok(None);
        }
        let frame: Vec<u8> = self.buffer.drain(..end).collect();
        let payload = &frame[header.len()..];
        Ok(Some(match (header.opcode().as_u8(), payload) {
            (8, [high, low, reason @ ..]) => {
                Seen::Close(format!("{} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason)))
            }
            (8, _) => Seen::Close("1005".to_owned()),
            (9, _) => Seen::Ping(payload.to_vec()),
            _ => Seen::Frame,
        }))
    }

    /// Answers pings up to a close frame, and that. Returns what it says.
    pub(super) async fn answer_until_closed(&mut self) -> io::Result<String> {
        loop {
            match self.next().await? {
                Seen::Ping(ping) => self.send(1, 0x8a, &ping).await?,
                Seen::Frame => {}
                Seen::Close(why) => {
                    // It may have closed meanwhile.
                    let _sent = self.send(1, 0x88, &[]).await;
                    return Ok(why);
                }
            }
        }
    }

    /// Answers nothing up to a close frame, nor that. Returns what it says.
    pub(super) async fn wait_until_closed(&mut self) -> io::Result<String> {
        loop {
            if let Seen::Close(why) = self.next().await? {
                return Ok(why);
            }
        }
    }

    /// Leaves with a reset.
    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}
