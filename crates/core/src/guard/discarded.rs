//! Input that nothing reads any more, followed to find the peer's close frame.
//!
//! After a connection was taken from its handler, the peer may still send megabytes before it answers the close. They
//! are not kept; their headers are followed, so that payload is not mistaken for a close frame.
//!
//! The bound on what is discarded is the caller's: a peer that sends for ever is not waited for beyond
//! [`Closing::max_bytes`](crate::settings::Closing::max_bytes).

use crate::frame::{Decoder, Opcode};

/// Follows discarded input, looking for the peer's close frame.
#[derive(Debug, Default)]
pub(crate) struct Discarded {
    decoder: Decoder,
    closed: bool,
    seen: u64,
}

impl Discarded {
    /// Whether the peer has closed. Nothing follows a close frame (RFC 6455, section 5.5.1).
    #[inline]
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// The peer's close frame was found elsewhere.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether more than `bytes` were discarded.
    #[inline]
    pub(crate) fn exceeds(&self, bytes: u64) -> bool {
        self.seen > bytes
    }

    /// Goes on where the guard stopped, with `payload_left` bytes of a frame still to come.
    pub(crate) fn follow(&mut self, payload_left: u64, bytes: &[u8]) {
        if payload_left > 0 {
            self.decoder = Decoder::inside(payload_left);
        }
        self.feed(bytes);
    }

    /// Discards `bytes`. Framing rules are not checked: a violation would change nothing, as the connection is closing.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        while let Some(header) = self.decoder.next(&mut bytes) {
            self.closed |= header.opcode() == Opcode::CLOSE;
        }
    }
}
