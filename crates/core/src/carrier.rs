//! Whether a WebSocket has a connection of its own or is a stream of one that others share.
//!
//! Three things depend on it: whether input may be left unread (a stream's counts against the flow-control window of
//! all streams of its connection, RFC 9113, section 5.2), how much may be written at once, and when the transport is
//! over, which for a stream may be long after its drop.

use http::Version;

/// What carries a WebSocket: what its neighbours notice of it, and how it ends, depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A connection of its own (RFC 6455).
    #[default]
    Connection,
    /// A stream of an HTTP/2 connection, which it shares with others (RFC 8441).
    Stream,
}

impl Carrier {
    /// What carries a WebSocket whose handshake came by that version of HTTP. There is no better witness: hyper says no
    /// more of an `OnUpgrade`, and notes the protocol of an extended CONNECT alone, with a feature that brings in h2.
    pub(crate) fn of(version: Version) -> Self {
        if version >= Version::HTTP_2 { Self::Stream } else { Self::Connection }
    }

    #[inline]
    pub(crate) fn is_stream(self) -> bool {
        self == Self::Stream
    }
}
