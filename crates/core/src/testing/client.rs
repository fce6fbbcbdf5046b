//! A client that sends what a test asks it to send, and nothing else.

use std::{fmt, io};

use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::Message;
use crate::{
    close::CloseFrame,
    frame::{Opcode, put_close_masked, put_frame},
    io::GuardedIo,
};

/// Not all zeros, so that a server which forgets to unmask is noticed; always the same, so that tests are.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A WebSocket client that does nothing on its own: it answers neither pings nor closes, and sends frames that no
/// library would send.
///
/// What is sent goes through a pipe of 64 KiB, by default: a server that does not read makes the client wait, and a
/// client that does not read makes the server wait. Dropping the client ends the stream without a close frame.
///
/// ```
/// use portcullis_core::{CloseFrame, testing::{Client, Message}};
/// # use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let (ours, mut server) = tokio::io::duplex(1024);
/// let mut client = Client::new(ours);
/// server.write_all(b"\x81\x02hi\x89\x00\x88\x02\x03\xe8").await?; // what a server writes
/// assert_eq!(client.next().await, Some(Message::Text("hi".into())));
/// assert_eq!(client.next().await, Some(Message::Ping(Vec::new())));
/// assert_eq!(client.closed().await.unwrap().to_string(), "1000");
///
/// client.send_bytes(b"\x81\xfe").await?; // the beginning of a frame
/// drop(client);
/// # Ok(()) }
/// ```
pub struct Client<T = DuplexStream> {
    io: T,
    inbox: Vec<u8>,
    response: Response<()>,
    /// The handler's half of a detached connection, which lives as long as its client.
    handler: Option<GuardedIo<DuplexStream>>,
}

impl<T> Client<T> {
    /// Creates a client over a transport on which the handshake is already complete.
    pub fn new(io: T) -> Self {
        let mut response = Response::new(());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        Self::opened(io, Vec::new(), response)
    }

    pub(super) fn opened(io: T, inbox: Vec<u8>, response: Response<()>) -> Self {
        Self { io, inbox, response, handler: None }
    }

    pub(super) fn keep(mut self, handler: GuardedIo<DuplexStream>) -> Self {
        self.handler = Some(handler);
        self
    }

    /// Returns the server's response to the handshake, with the selected subprotocol in its headers.
    pub fn response(&self) -> &Response<()> {
        &self.response
    }

    /// Returns what has arrived of an incomplete frame. At the end of the stream, this is what was cut off.
    ///
    /// ```
    /// # use portcullis_core::testing::Client;
    /// # use tokio::io::{AsyncWriteExt, duplex};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let (ours, mut server) = duplex(1024);
    /// let mut client = Client::new(ours);
    /// server.write_all(b"\x81\x05hel").await?; // five bytes are announced
    /// drop(server);
    /// assert_eq!(client.next().await, None);
    /// assert_eq!(client.incomplete(), b"\x81\x05hel", "the server has died in the middle of a message");
    /// # Ok(()) }
    /// ```
    pub fn incomplete(&self) -> &[u8] {
        &self.inbox
    }

    /// Returns the transport and what was read from it beyond the last message, to continue with a client of another
    /// library.
    pub fn into_parts(self) -> (T, Vec<u8>) {
        (self.io, self.inbox)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    /// Reads the next message; `None` at the end of the stream. Cancel safe.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::time::Duration;
    /// # use portcullis_core::{CloseCode, CloseFrame, Connection, testing::Message};
    /// # use tokio::time::timeout;
    /// let (connection, mut client) = Connection::detached().open();
    /// // Nothing comes, and nothing is lost by giving up.
    /// assert!(timeout(Duration::from_secs(1), client.next()).await.is_err());
    /// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
    /// assert_eq!(client.next().await, Some(Message::Close(CloseFrame::new(CloseCode::GOING_AWAY, ""))));
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = Message::take(&mut self.inbox) {
                return Some(message);
            }
            match self.io.read_buf(&mut self.inbox).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads up to the close frame, and discards what comes before it; `None` if the stream ends without one, as when
    /// the connection was aborted. The close is not answered. Cancel safe.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        while let Some(message) = self.next().await {
            if let Message::Close(frame) = message {
                return Some(frame);
            }
        }
        None
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_text(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        self.send_frame(FIN | Opcode::TEXT.as_u8(), text.as_ref()).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_binary(&mut self, payload: impl AsRef<[u8]>) -> io::Result<()> {
        self.send_frame(FIN | Opcode::BINARY.as_u8(), payload).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_ping(&mut self, payload: impl AsRef<[u8]>) -> io::Result<()> {
        self.send_frame(FIN | Opcode::PING.as_u8(), payload).await
    }

    /// Sends a pong: the answer to a ping, if the payload is the ping's.
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_pong(&mut self, payload: impl AsRef<[u8]>) -> io::Result<()> {
        self.send_frame(FIN | Opcode::PONG.as_u8(), payload).await
    }

    /// Sends a close frame: the first, or the answer to the server's.
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_close(&mut self, frame: &CloseFrame) -> io::Result<()> {
        let mut bytes = Vec::new();
        put_close_masked(&mut bytes, frame);
        self.send_bytes(bytes).await
    }

    /// Sends a frame of any kind and length, legal or not, masked as a client must. `first` is its first byte: FIN, the
    /// reserved bits and the opcode.
    ///
    /// A message in fragments, with a ping between them, as RFC 6455, section 5.4, allows:
    ///
    /// ```
    /// # use portcullis_core::{GuardedIo, settings::Settings, testing::Client};
    /// # use tokio::io::{AsyncReadExt, duplex};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// # let (ours, theirs) = duplex(1024);
    /// # let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), Vec::new());
    /// # let mut client = Client::new(ours);
    /// client.send_frame(0x01, "sun").await?; // text, and FIN is not set
    /// client.send_ping("").await?;
    /// client.send_frame(0x80, "up").await?; // a continuation, the last
    /// handler.read_exact(&mut [0; 23]).await?;
    /// assert_eq!(connection.counters().messages_in, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_bytes`](Self::send_bytes).
    pub async fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) -> io::Result<()> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, first, payload.as_ref(), Some(MASK));
        self.send_bytes(bytes).await
    }

    /// Sends bytes as they are: half a frame, several at once, or what is not a frame.
    /// [`put_frame`](crate::frame::put_frame) writes frames that are not masked.
    ///
    /// Not cancel safe: a part may have been sent.
    ///
    /// # Errors
    ///
    /// If the server has ended the stream.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }
}

/// The last frame of its message.
const FIN: u8 = 0x80;

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("response", &self.response).finish_non_exhaustive()
    }
}
