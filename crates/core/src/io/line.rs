//! The transport of an upgraded connection, without hyper's wrappers where its type is a known one.
//!
//! hyper hands out an upgraded connection as a trait object over wrappers of its own. For the types that servers mostly
//! use the wrappers are taken off, which saves several indirect calls for each message.
//!
//! A type that is not listed works as well, through [`Line::Other`]: it costs a virtual call for each poll, and nothing
//! else. The list is that of the servers in use, TCP and Unix sockets of tokio and the pipe of tests; TLS streams have
//! too many types to name.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::upgrade::{Parts, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
};

/// Any transport, as a trait object.
pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

/// The transport of an upgraded connection. Each message polls it about four times, so the common types are not boxed.
pub(crate) enum Line {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Duplex(DuplexStream),
    /// TLS, an HTTP/2 stream, or a type that is not known here.
    Other(Box<dyn ReadWrite>),
}

/// Returns the transport, and what hyper has read from it already.
pub(crate) fn strip(upgraded: Upgraded) -> (Line, Vec<u8>) {
    let stripped = strip_as(upgraded, Line::Tcp).or_else(|upgraded| strip_as(upgraded, Line::Duplex));
    #[cfg(unix)]
    let stripped = stripped.or_else(|upgraded| strip_as(upgraded, Line::Unix));
    // `Upgraded` yields what was read ahead before anything else, so the buffer beside it is empty.
    stripped.unwrap_or_else(|upgraded| (Line::Other(Box::new(TokioIo::new(upgraded))), Vec::new()))
}

/// Tries hyper's own server first, then hyper-util's, which axum uses and which adds a wrapper of its own. A failed
/// downcast gives the value back.
fn strip_as<T: ReadWrite + 'static>(upgraded: Upgraded, line: fn(T) -> Line) -> Result<(Line, Vec<u8>), Upgraded> {
    match upgraded.downcast::<TokioIo<T>>() {
        Ok(Parts { io, read_buf, .. }) => Ok((line(io.into_inner()), copied(&read_buf))),
        Err(upgraded) => {
            let auto::upgrade::Parts { io, read_buf, .. } = auto::upgrade::downcast::<TokioIo<T>>(upgraded)?;
            Ok((line(io.into_inner()), copied(&read_buf)))
        }
    }
}

/// Copies the bytes, so that hyper's buffer of several kilobytes is freed. Most often it is empty.
fn copied(read: &[u8]) -> Vec<u8> {
    read.to_vec()
}

macro_rules! each {
    ($line:expr, $io:ident => $call:expr) => {
        match $line {
            Line::Tcp($io) => $call,
            #[cfg(unix)]
            Line::Unix($io) => $call,
            Line::Duplex($io) => $call,
            Line::Other($io) => $call,
        }
    };
}

impl AsyncRead for Line {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Line {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, io => io.is_write_vectored())
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response, StatusCode};
    use http_body_util::Empty;
    use hyper::{
        body::{Bytes, Incoming},
        server::conn::http1,
        service::service_fn,
        upgrade::OnUpgrade,
    };
    use hyper_util::rt::TokioExecutor;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, Join, duplex, join, split},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    #[test]
    fn what_hyper_has_read_ahead_is_copied() {
        for (read, capacity) in [(&b""[..], 0), (b"ab", 2)] {
            let inbox = copied(read);
            assert_eq!((inbox.as_slice(), inbox.capacity()), (read, capacity));
        }
    }

    /// A handshake, and what was sent right behind it.
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nahead";

    /// The transport that a server hands out of a handshake, hyper's own server or hyper-util's.
    async fn upgraded<T: ReadWrite + 'static>(io: T, mut peer: impl ReadWrite, auto: bool) -> (Line, Vec<u8>) {
        peer.write_all(REQUEST).await.unwrap();
        let (hand_out, mut handed_out) = mpsc::unbounded_channel::<OnUpgrade>();
        let service = service_fn(move |mut request: Request<Incoming>| {
            hand_out.send(hyper::upgrade::on(&mut request)).unwrap();
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            let response = response.header("connection", "upgrade").header("upgrade", "websocket");
            std::future::ready(Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap()))
        });
        if auto {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            server.serve_connection_with_upgrades(TokioIo::new(io), service).await.unwrap();
        } else {
            http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades().await.unwrap();
        }
        let (mut line, inbox) = strip(handed_out.recv().await.unwrap().await.unwrap());
        let mut head = vec![0; 256];
        let read = peer.read(&mut head).await.unwrap();
        assert!(head[..read].starts_with(b"HTTP/1.1 101"));
        // It is what the peer reads and writes.
        line.write_all(b"out").await.unwrap();
        line.flush().await.unwrap();
        peer.write_all(b"in").await.unwrap();
        peer.flush().await.unwrap();
        let mut out = [0; 3];
        peer.read_exact(&mut out).await.unwrap();
        assert_eq!(&out, b"out");
        let expected = [&b"ahead"[inbox.len()..], b"in"].concat();
        let mut came = vec![0; expected.len()];
        line.read_exact(&mut came).await.unwrap();
        assert_eq!(came, expected);
        line.shutdown().await.unwrap();
        assert_eq!(peer.read(&mut head).await.unwrap(), 0);
        (line, inbox)
    }

    #[tokio::test]
    async fn known_transports_lose_their_wrappers_and_others_work_in_theirs() {
        for auto in [false, true] {
            let (io, peer) = duplex(1024);
            let (line, inbox) = upgraded(io, peer, auto).await;
            assert!(matches!(line, Line::Duplex(_)) && inbox == b"ahead", "{auto}");

            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (line, inbox) = upgraded(listener.accept().await.unwrap().0, peer, auto).await;
            assert!(matches!(line, Line::Tcp(_)) && line.is_write_vectored() && inbox == b"ahead", "{auto}");

            #[cfg(unix)]
            {
                let (io, peer) = UnixStream::pair().unwrap();
                let (line, inbox) = upgraded(io, peer, auto).await;
                assert!(matches!(line, Line::Unix(_)) && line.is_write_vectored() && inbox == b"ahead", "{auto}");
            }

            let (io, peer) = duplex(1024);
            let (read, write) = split(io);
            let wrapped: Join<_, _> = join(read, write);
            let (line, inbox) = upgraded(wrapped, peer, auto).await;
            assert!(matches!(line, Line::Other(_)) && inbox.is_empty(), "{auto}");
        }
    }
}
