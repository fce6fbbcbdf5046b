//! The transport of an upgraded connection, without the wrappers that hyper has put around it, where it is a known one.

use hyper::upgrade::{Parts, Upgraded};
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
        Ok(Parts { io, read_buf, .. }) => Ok(bare(io, &read_buf)),
        Err(upgraded) => {
            let auto::upgrade::Parts { io, read_buf, .. } = auto::upgrade::downcast::<TokioIo<T>>(upgraded)?;
            Ok(bare(io, &read_buf))
        }
    }
}

fn bare<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: TokioIo<T>, read: &[u8]) -> (Line, Vec<u8>) {
    // Copied: the buffer that hyper has read into has kilobytes, and most often nothing of it is left.
    (Box::new(io.into_inner()), read.to_vec())
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[test]
    fn what_hyper_has_read_ahead_is_copied() {
        for (read, capacity) in [(&b""[..], 0), (b"ab", 2)] {
            let (io, _peer) = duplex(8);
            let (_line, inbox) = bare(TokioIo::new(io), read);
            assert_eq!((inbox.as_slice(), inbox.capacity()), (read, capacity));
        }
    }
}
