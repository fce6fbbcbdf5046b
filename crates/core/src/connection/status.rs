//! What is known of a live connection at one moment.

use std::time::Duration;

use crate::{connection_state::ConnectionState, counters::Counters};

/// What is known of a live connection at one moment: see [`Connection::status`](crate::Connection::status).
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
