//! The peer's stream, followed from header to header.

use std::ops::Range;

use crate::frame::FrameHeader;

/// Where the peer's stream stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stream {
    pub(super) payload_left: u64,
    /// The payload that is to come belongs to a frame that was dropped.
    pub(super) discarding: bool,
    pub(super) open: Option<Open>,
}

/// A message of which more fragments are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Delivered,
    Dropped,
}

impl Stream {
    /// Whether the handler stands between two frames. Of one that is dropped it has seen nothing.
    pub(super) fn at_boundary(&self) -> bool {
        self.payload_left == 0 || self.discarding
    }

    pub(super) fn payload_left(&self) -> u64 {
        self.payload_left
    }

    /// Whether more is to come of a message. A control frame is judged whole, and so never the payload that is left.
    pub(super) fn in_message(&self) -> bool {
        !self.is_between_messages()
    }

    /// Whether a message may begin here.
    #[inline]
    pub(super) fn is_between_messages(&self) -> bool {
        self.payload_left == 0 && self.open.is_none()
    }

    /// Steps over payload, and returns where it lies.
    #[inline]
    pub(super) fn skip(&mut self, at: &mut usize, end: usize) -> Range<usize> {
        let skip = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(end - *at);
        self.payload_left -= skip as u64;
        let start = *at;
        *at += skip;
        start..*at
    }

    #[inline]
    pub(super) fn begin(&mut self, header: &FrameHeader, dropped: bool) {
        self.payload_left = header.payload_len();
        self.discarding = dropped;
        // It may stand between the fragments of a message (RFC 6455, section 5.4), and changes nothing about that.
        if header.opcode().is_control() {
            return;
        }
        self.open = match (header.fin(), dropped) {
            (true, _) => None,
            (false, true) => Some(Open::Dropped),
            (false, false) => Some(Open::Delivered),
        };
    }
}

/// Two bytes and a mask.
pub(super) const SHORT_HEADER: usize = 6;

/// The payload's length of a whole text or binary message of less than 126 bytes, by the first two bytes of its header:
/// most frames are such a one. Where it may begin, no framing rule is left to check of it.
#[inline]
pub(super) fn short_message(first: u8, second: u8) -> Option<usize> {
    let short = matches!(first, 0x81 | 0x82) && (0x80..0xfe).contains(&second);
    short.then(|| usize::from(second & 0x7f))
}
