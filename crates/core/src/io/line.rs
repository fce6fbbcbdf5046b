//! The transport of an upgraded connection, without the wrappers that hyper has put around it, where it is a known one.

use hyper::{
    body::Bytes,
    upgrade::{Parts, Upgraded},
};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpStream,
};

/// What bytes go over.
pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

/// The transport of an upgraded connection.
pub(crate) type Line = Box<dyn ReadWrite>;

/// The transport, and what was read of it already.
pub(crate) fn strip(upgraded: Upgraded) -> (Line, Vec<u8>) {
    let stripped = strip_as::<TcpStream>(upgraded).or_else(strip_as::<DuplexStream>);
    #[cfg(unix)]
    let stripped = stripped.or_else(strip_as::<tokio::net::UnixStream>);
    // Of TLS, or of an HTTP/2 connection. What was read is read first.
    stripped.unwrap_or_else(|upgraded| (Box::new(TokioIo::new(upgraded)), Vec::new()))
}

/// hyper-util's server, which is axum's, has a wrapper of its own around the transport.
fn strip_as<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    upgraded: Upgraded,
) -> Result<(Line, Vec<u8>), Upgraded> {
    match upgraded.downcast::<TokioIo<T>>() {
        Ok(Parts { io, read_buf, .. }) => Ok(bare(io, read_buf)),
        Err(upgraded) => {
            let auto::upgrade::Parts { io, read_buf, .. } = auto::upgrade::downcast::<TokioIo<T>>(upgraded)?;
            Ok(bare(io, read_buf))
        }
    }
}

fn bare<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: TokioIo<T>, read: Bytes) -> (Line, Vec<u8>) {
    (Box::new(io.into_inner()), read.into())
}
