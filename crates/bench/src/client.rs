//! A client that costs little: it writes bytes and counts bytes.

use std::{io, net::SocketAddr};

use http::{Method, Request, Version};
use http_body_util::Empty;
use hyper::{
    body::Bytes,
    client::conn::http2::{self, SendRequest},
    ext::Protocol,
    upgrade::Upgraded,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_core::frame::put_frame;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
};

use crate::{
    credentials,
    load::{Load, MASK},
};

/// A ping of the guard's, or of the loop by hand.
pub(crate) const PING: usize = 10;

/// An upgraded connection.
pub(crate) struct Client<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    scratch: Vec<u8>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    /// A WebSocket is a connection of its own (RFC 6455).
    One,
    /// A WebSocket is a stream of a connection (RFC 8441).
    Two,
}

/// A connection over HTTP/2, on which WebSockets are streams.
pub(crate) struct Streams {
    sender: SendRequest<Empty<Bytes>>,
    addr: SocketAddr,
}

impl Streams {
    pub(crate) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TokioIo::new(connect(addr).await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let mut streams = Self { sender, addr };
        // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
        let nothing = Request::get(format!("http://{addr}/nothing")).body(Empty::new()).map_err(io::Error::other)?;
        streams.sender.send_request(nothing).await.map_err(io::Error::other)?;
        Ok(streams)
    }

    /// Opens a WebSocket.
    pub(crate) async fn open(&mut self, path: &str) -> io::Result<TokioIo<Upgraded>> {
        let request = Request::builder().method(Method::CONNECT).version(Version::HTTP_2);
        let request = request.uri(format!("http://{}/{path}", self.addr)).header("sec-websocket-version", "13");
        let mut request = request.extension(Protocol::from_static("websocket"));
        for (name, value) in credentials::alice().lines().filter_map(|line| line.split_once(": ")) {
            request = request.header(name, value);
        }
        let request = request.body(Empty::new()).map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        if !response.status().is_success() {
            return Err(io::Error::other("the server refused to upgrade"));
        }
        hyper::upgrade::on(response).await.map(TokioIo::new).map_err(io::Error::other)
    }
}

/// Connects over TCP. The connection ends in a reset, so that it does not occupy its port afterwards.
pub(crate) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// Shakes hands for a path.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, path: &str) -> io::Result<()> {
    upgrade_as(stream, path, credentials::alice()).await
}

/// The same, with the headers of a user.
async fn upgrade_as<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, path: &str, headers: &str) -> io::Result<()> {
    match answer(stream, path, headers).await? {
        101 => Ok(()),
        _ => Err(io::Error::other("the server refused to upgrade")),
    }
}

/// The status of the answer to a handshake with more headers.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    path: &str,
    headers: &str,
) -> io::Result<u16> {
    head(stream, path, headers).await.map(|(status, _)| status)
}

/// The status of the answer, and what came behind its head: a refusal has a body, which may come with it.
async fn head<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    path: &str,
    headers: &str,
) -> io::Result<(u16, Vec<u8>)> {
    stream.write_all(request(path, headers).as_bytes()).await?;
    let mut head = [0; 1024];
    let mut len = 0;
    loop {
        if let Some(end) = head[..len].windows(4).position(|end| end == b"\r\n\r\n") {
            let status = std::str::from_utf8(&head[9..12]).map_err(io::Error::other)?;
            return Ok((status.parse().map_err(io::Error::other)?, head[end + 4..len].to_vec()));
        }
        len += at_least_one(stream.read(&mut head[len..]).await?)?;
    }
}

/// A handshake that is refused, to the end of what the server says to it: the head of a response that is no upgrade, or
/// an upgrade, a close frame, and what follows its answer.
pub(crate) async fn refused<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let (status, mut frame) = head(stream, "flush", credentials::forged()).await?;
    if status != 101 {
        return Ok(());
    }
    while frame.get(1).is_none_or(|len| frame.len() < 2 + usize::from(*len)) {
        at_least_one(stream.read_buf(&mut frame).await?)?;
    }
    if frame[0] != 0x88 {
        return Err(io::Error::other("the server did not refuse"));
    }
    let mut answer = Vec::new();
    put_frame(&mut answer, 0x88, &frame[2..4], Some(MASK));
    stream.write_all(&answer).await?;
    while stream.read_buf(&mut frame).await? > 0 {}
    Ok(())
}

/// A handshake as it stands on the wire.
pub(crate) fn request(path: &str, headers: &str) -> String {
    format!(
        "GET /{path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// What answers a ping.
fn pong(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x8a, payload, Some(MASK));
    frame
}

fn at_least_one(read: usize) -> io::Result<usize> {
    if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn new(stream: S, path: &str, scratch: usize) -> io::Result<Self> {
        Self::of(stream, path, scratch, credentials::alice()).await
    }

    /// A client with the headers of a user.
    pub(crate) async fn of(mut stream: S, path: &str, scratch: usize, headers: &str) -> io::Result<Self> {
        upgrade_as(&mut stream, path, headers).await?;
        Ok(Self::over(stream, scratch))
    }

    /// A client whose handshake is done.
    pub(crate) fn over(stream: S, scratch: usize) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, scratch: vec![0; scratch] }
    }

    /// Waits for a ping with a payload of `len` bytes, and answers it.
    pub(crate) async fn answer_ping(&mut self, len: usize) -> io::Result<()> {
        let ping = &mut self.scratch[..len];
        self.reader.read_exact(ping).await?;
        if ping[0] != 0x89 {
            return Err(io::Error::other("the server sent something else than a ping"));
        }
        self.writer.write_all(&pong(&ping[2..])).await
    }

    /// Sends all messages of a load while it reads all of their echoes.
    pub(crate) async fn round(&mut self, load: &Load) -> io::Result<()> {
        let answers = count(&mut self.reader, &mut self.scratch, load.answer);
        tokio::try_join!(self.writer.write_all(&load.frames), answers)?;
        Ok(())
    }
}

async fn count<R: AsyncRead + Unpin>(reader: &mut R, scratch: &mut [u8], mut expected: usize) -> io::Result<()> {
    while expected > 0 {
        let room = expected.min(scratch.len());
        let read = at_least_one(reader.read(&mut scratch[..room]).await?)?;
        if read == expected && scratch[read - 1] != b'x' {
            return Err(io::Error::other("the echo is not what was sent"));
        }
        expected -= read;
    }
    Ok(())
}
