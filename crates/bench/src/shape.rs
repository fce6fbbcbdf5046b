//! Ways in which messages come and are answered, and what one message of a run costs.

use std::io;

/// How messages come and are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One at a time.
    Flush,
    /// Many at a time, answered with one flush.
    Batch,
    /// No message: a connection from its handshake to its end.
    Handshake,
    /// None either: the server pings, and the client answers.
    Ping,
    /// None either: a handshake with a token whose signature is wrong, to the end of what the server says to it.
    Refused,
}

impl Shape {
    /// Of which every side of the gates is counted.
    pub(crate) const GATED: [Self; 3] = [Self::Batch, Self::Flush, Self::Handshake];

    pub(crate) fn parse(path: &str) -> io::Result<Self> {
        let found = Self::GATED.into_iter().chain([Self::Ping, Self::Refused]).find(|shape| shape.path() == path);
        found.ok_or_else(|| io::Error::other(format!("no such shape: {path}")))
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Batch => "batch",
            Self::Handshake => "handshake",
            Self::Ping => "ping",
            Self::Refused => "refused",
        }
    }

    /// Messages in a round.
    pub(crate) fn window(self) -> usize {
        match self {
            Self::Flush | Self::Handshake | Self::Ping | Self::Refused => 1,
            Self::Batch => 64,
        }
    }
}

/// What one message costs, from the cost of a number and of twice as many: what a start costs cancels out.
pub(crate) fn each(once: u64, twice: u64, messages: u64) -> io::Result<f64> {
    let total = u32::try_from(twice.saturating_sub(once)).map_err(io::Error::other)?;
    let messages = u32::try_from(messages).map_err(io::Error::other)?;
    Ok(f64::from(total) / f64::from(messages))
}
