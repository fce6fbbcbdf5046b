//! How far a live connection has come.

/// How far a connection has come.
///
/// A connection only moves forward, so a state can be compared with a later one:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # use portcullis_core::{CloseCode, CloseFrame, Connection};
/// use portcullis_core::ConnectionState;
///
/// let (connection, mut client) = Connection::detached().open();
/// assert_eq!(connection.status().state, ConnectionState::Open);
/// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
/// assert_eq!(connection.status().state, ConnectionState::Closing);
/// client.closed().await;
/// drop(client);
/// connection.closed().await;
/// assert_eq!(connection.status().state, ConnectionState::Ended);
/// assert!(ConnectionState::Open < ConnectionState::Ended);
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// The handshake is under way.
    Opening,
    /// Messages pass both ways.
    Open,
    /// A close is decided, and the closing handshake is not over.
    Closing,
    /// It has ended, or its transport is gone.
    Ended,
}

impl ConnectionState {
    /// Returns the name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Ended => "ended",
        }
    }
}
