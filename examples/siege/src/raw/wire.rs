//! The transport of a connection: TCP, TLS, or an HTTP/2 stream over one of these, within the budget of an attack.

use std::{
    io::{ErrorKind, Read, Result, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use super::{PATIENCE, allowance::Allowance, tunnel::Tunnel};

/// The transport of a connection.
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

    /// Wraps the connection in TLS. Completes the handshake, so that its errors do not show up in a later write.
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

    /// Limits it to an allowance.
    pub(crate) fn within(self, allowance: Allowance) -> Self {
        Self { allowance: Some(allowance), ..self }
    }

    /// Makes reads block for up to `time`.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<()> {
        self.tcp().set_nonblocking(false)?;
        self.tcp().set_read_timeout(Some(time))
    }

    /// Makes reads and writes non-blocking.
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
            // An end without a TLS alert is treated as an end, as over TCP.
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
