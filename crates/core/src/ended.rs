//! How a connection ended, and who ended it.

use crate::close::CloseFrame;

/// Who ended a connection.
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
