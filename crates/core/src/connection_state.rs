//! How far a live connection has come.

/// How far a connection has come.
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
