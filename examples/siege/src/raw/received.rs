//! What a client receives from a server.

use crate::observation::Observation;

/// The result of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Messages that are answers.
    pub(crate) messages: u64,
    /// Other messages.
    pub(crate) others: u64,
    pub(crate) pings: u64,
    pub(crate) pongs: u64,
    /// The payload of the last pong.
    pub(crate) pong: Vec<u8>,
    /// Bytes, including headers.
    pub(crate) bytes: usize,
    /// Bytes that neither the server nor the kernels accepted.
    pub(crate) unsent: usize,
    /// Unsent bytes cannot be sent any more.
    pub(crate) is_stuck: bool,
    pub(crate) end: Option<End>,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// With a close frame of this payload.
    Closed(Vec<u8>),
    Lost {
        reset: bool,
    },
}

impl From<Received> for Observation {
    fn from(received: Received) -> Self {
        let messages = received.messages;
        match received.end {
            None => Self::Open { messages },
            Some(End::Closed(payload)) => Self::closed(&payload, messages),
            Some(End::Lost { reset }) => Self::Lost { reset, messages },
        }
    }
}
