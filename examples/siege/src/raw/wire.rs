//! What a connection is made of: TCP, TLS over it, or a stream of HTTP/2 over one of these, with a count of what an
//! audit may still send.

use std::{
    io::{ErrorKind, Read, Result, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use super::{PATIENCE, allowance::Allowance, tunnel::Tunnel};

/// A connection's bytes.
pub(crate) struct Wire {
    stream: Stream,
    allowance: Option<Allowance>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Http2(Box<Tunnel>),
}

impl Wire {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(stream), allowance: None }
    }

    pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Wraps the connection in TLS. The handshake is done here, so that its error is none of a later write's.
    pub(crate) fn secure(stream: TcpStream, config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self> {
        let mut connection = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
        let mut stream = stream;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self { stream: Stream::Tls(Box::new(StreamOwned::new(connection, stream))), allowance: None })
    }

    /// A stream of another connection, which has its own allowance.
    pub(super) fn http2(tunnel: Tunnel) -> Self {
        Self { stream: Stream::Http2(Box::new(tunnel)), allowance: None }
    }

    /// The same, but for no more bytes than are allowed.
    pub(crate) fn within(self, allowance: Allowance) -> Self {
        Self { allowance: Some(allowance), ..self }
    }

    /// The next read waits for so long, and a write for as long as patience lasts.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<()> {
        self.tcp().set_nonblocking(false)?;
        self.tcp().set_read_timeout(Some(time))
    }

    /// The next read or write waits for nothing.
    pub(crate) fn hurry(&mut self) -> Result<()> {
        self.tcp().set_nonblocking(true)
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
            Stream::Http2(tunnel) => tunnel.wire().tcp(),
        }
    }

    pub(crate) fn shutdown(&self) {
        // It may be gone already.
        let _gone_already = self.tcp().shutdown(Shutdown::Both);
    }
}

impl Read for Wire {
    fn read(&mut self, part: &mut [u8]) -> Result<usize> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(part),
            // An end without TLS's own alert is an end, as it is over TCP.
            Stream::Tls(stream) => match stream.read(part) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
            Stream::Http2(tunnel) => tunnel.read(part),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if let Some(allowance) = &self.allowance {
            allowance.check(bytes.len())?;
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Http2(tunnel) => tunnel.write(bytes),
        }?;
        if let Some(allowance) = &self.allowance {
            allowance.spend(written);
        }
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
            Stream::Http2(tunnel) => tunnel.flush(),
        }
    }
}
