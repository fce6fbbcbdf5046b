//! What is known of a live connection at one moment.

use std::time::Duration;

use crate::{connection_state::ConnectionState, counters::Counters};

/// What is known of a live connection at one moment: see [`Connection::status`](crate::Connection::status).
///
/// A console shows it for each connection. The fields are read under one lock, so they belong together: a message that
/// is counted was delivered before the state changed.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use portcullis_core::{Connection, ConnectionState};
///
/// let (connection, _client) = Connection::detached().open();
/// let status = connection.status();
/// assert_eq!((status.state, status.counters.messages_in), (ConnectionState::Open, 0));
/// assert_eq!(status.round_trip, None, "no `KeepAliveLayer` has sent a ping");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How far it has come.
    pub state: ConnectionState,
    /// What has passed through it so far.
    pub counters: Counters,
    /// How long the peer took to answer the guard's last ping, if it has answered one.
    pub round_trip: Option<Duration>,
}

impl Status {
    pub(crate) fn new(state: ConnectionState, counters: Counters, round_trip: Option<Duration>) -> Self {
        Self { state, counters, round_trip }
    }

    /// The same of a connection that has ended.
    pub(super) fn ended(self) -> Self {
        Self { state: ConnectionState::Ended, ..self }
    }
}
