//! What a client hears of a server.

use crate::saw::Saw;

/// What came of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Messages that are answers.
    pub(crate) messages: u64,
    /// Messages that are none.
    pub(crate) others: u64,
    pub(crate) pings: u64,
    pub(crate) pongs: u64,
    /// The payload of the last pong.
    pub(crate) pong: Vec<u8>,
    /// Bytes, headers and all.
    pub(crate) bytes: usize,
    /// Bytes that the server, or the kernels between, did not take.
    pub(crate) unsent: usize,
    /// What is unsent cannot be sent any more.
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

impl From<Heard> for Saw {
    fn from(heard: Heard) -> Self {
        let messages = heard.messages;
        match heard.end {
            None => Self::Open { messages },
            Some(End::Closed(payload)) => Self::closed(&payload, messages),
            Some(End::Lost { reset }) => Self::Lost { reset, messages },
        }
    }
}
