//! The peer's stream, followed from header to header.
//!
//! All that is remembered of a peer's stream are three values: the payload still to come, whether that is thrown away,
//! and whether a message is open. A read that ends in the middle of a frame of many megabytes is continued from these
//! alone.
//!
//! A control frame may stand between two fragments (RFC 6455, section 5.4), and its payload is judged whole, so
//! `payload_left` never belongs to one: what is left is always a data frame's.

use std::ops::Range;

use crate::frame::FrameHeader;

/// The position in the peer's stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stream {
    /// How many bytes of payload are still to come of the current frame.
    pub(super) payload_left: u64,
    /// That payload belongs to a frame that was dropped.
    pub(super) discarding: bool,
    /// The message of which more fragments are to come.
    pub(super) open: Option<Open>,
}

/// What was decided about an unfinished message, which holds for all of its fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Delivered,
    Dropped,
}

impl Stream {
    /// Whether the handler has read up to the end of a frame. Of a frame that is dropped it has read nothing.
    pub(super) fn at_boundary(&self) -> bool {
        self.payload_left == 0 || self.discarding
    }

    pub(super) fn payload_left(&self) -> u64 {
        self.payload_left
    }

    /// Whether more of a message is to come. The payload that is left is never a control frame's, which is judged
    /// whole.
    pub(super) fn in_message(&self) -> bool {
        !self.is_between_messages()
    }

    /// Whether a message may begin here.
    #[inline]
    pub(super) fn is_between_messages(&self) -> bool {
        self.payload_left == 0 && self.open.is_none()
    }

    /// Skips payload, and returns its range.
    ///
    /// `at` is where the payload begins in the read, and is moved behind what there is of it. The rest arrives in a
    /// later read.
    #[inline]
    pub(super) fn skip(&mut self, at: &mut usize, end: usize) -> Range<usize> {
        let skip = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(end - *at);
        self.payload_left -= skip as u64;
        let start = *at;
        *at += skip;
        start..*at
    }

    /// Enters the payload of a frame.
    #[inline]
    pub(super) fn begin(&mut self, header: &FrameHeader, dropped: bool) {
        self.payload_left = header.payload_len();
        self.discarding = dropped;
        // It may come between the fragments of a message (RFC 6455, section 5.4), which goes on after it.
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
