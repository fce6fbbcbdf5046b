//! How a connection ended, and who ended it.
//!
//! Metrics, log events and applications read the same value, so it is made in one place: by the guard when it gives up
//! the transport, under the connection's lock.

use crate::close::CloseFrame;

/// Who ended a connection.
///
/// Only the first counts: if a client closes while the guard's close frame is on its way to it, it was the guard, and a
/// client that vanishes after it has sent its close frame is [`Peer`](Self::Peer).
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # use portcullis_core::{CloseCode, CloseFrame, Connection};
/// use portcullis_core::EndedBy;
///
/// let (connection, mut client) = Connection::detached().open();
/// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
/// client.closed().await;
/// client.send_close(&CloseFrame::new(CloseCode::NORMAL, "me first")).await.unwrap();
/// assert_eq!(connection.closed().await.by, EndedBy::Guard);
/// assert_eq!(EndedBy::Guard.as_str(), "guard");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// The peer sent the first close frame.
    Peer,
    /// The handler sent one, or dropped its socket.
    Handler,
    /// The guard: a policy, a framing rule, or [`Connection::close`](crate::Connection::close).
    Guard,
    /// Neither: the transport ended without a close frame.
    Transport,
}

impl EndedBy {
    /// Returns the label for metrics, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Handler => "handler",
            Self::Guard => "guard",
            Self::Transport => "transport",
        }
    }
}

/// How a connection ended.
///
/// A connection whose client vanished is [`EndedBy::Transport`] and has no `frame`, whatever was sent to the client, so
/// that statistics by `frame` do not count it as closed.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use portcullis_core::{CloseCode, CloseFrame, Connection, EndedBy};
///
/// // The guard closes, and the client answers.
/// let (connection, mut client) = Connection::detached().open();
/// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "moving"));
/// client.closed().await;
/// client.send_close(&CloseFrame::new(CloseCode::GOING_AWAY, "")).await.unwrap();
/// let ended = connection.closed().await;
/// assert_eq!(ended.by, EndedBy::Guard);
/// assert_eq!(ended.frame.unwrap().to_string(), "1001 moving");
/// assert!(!ended.cut_short);
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
///
/// A client that goes away without a word:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # use portcullis_core::{EndedBy, GuardedIo, settings::Settings, testing::Client};
/// # use tokio::io::{AsyncReadExt, duplex};
/// let (ours, theirs) = duplex(1024);
/// let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), Vec::new());
/// drop(Client::new(ours));
/// assert_eq!(handler.read(&mut [0; 16]).await.unwrap(), 0, "the handler reads the end of the stream");
/// drop(handler);
/// let ended = connection.closed().await;
/// assert_eq!((ended.by, ended.frame, ended.received), (EndedBy::Transport, None, None));
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// The close frame that ended it. `None` if the transport ended first, or if it was aborted.
    pub frame: Option<CloseFrame>,
    /// The close frame that was sent to the peer, which may not have read it: the first one, or the answer to the
    /// peer's.
    pub sent: Option<CloseFrame>,
    /// The close frame that the peer had sent by the time the connection was taken from its handler.
    pub received: Option<CloseFrame>,
    /// True if the close frame could not be sent because a handler had stopped in the middle of a frame.
    pub cut_short: bool,
}

impl Ended {
    /// For a transport that the guard dropped as it was.
    pub(crate) fn aborted() -> Self {
        Self { by: EndedBy::Guard, frame: None, sent: None, received: None, cut_short: true }
    }
}
