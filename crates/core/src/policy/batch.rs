//! The frames of one read, counted by kind, so that a policy can decide about all of them at once.
//!
//! All counts saturate. Lengths are what headers declare, up to 2^63 bytes, and may never arrive; a policy that limits
//! by them limits what may come, which is what protects the memory of a handler's library.

use crate::frame::{FrameHeader, Opcode};

/// The number of frames of one kind, and of the payload bytes they declare.
///
/// ```
/// use portcullis_core::{frame::FrameHeader, policy::Batch};
///
/// let ping = FrameHeader::parse(&[0x89, 0x04]).unwrap();
/// let batch = Batch::of(&ping);
/// assert_eq!((batch.pings.frames, batch.pings.bytes), (1, 4));
/// assert_eq!((batch.frames(), batch.control_frames(), batch.messages.frames), (1, 1, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// The number of frames.
    pub frames: u32,
    /// The payload bytes they declare; saturates.
    pub bytes: u64,
}

impl Tally {
    #[inline]
    fn add(&mut self, bytes: u64) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn minus(self, other: Self) -> Self {
        Self { frames: self.frames.saturating_sub(other.frames), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// The frames whose headers arrived in one read, counted by kind.
///
/// ```
/// use std::time::Instant;
/// use portcullis_core::{
///     CloseCode, CloseFrame, frame::FrameHeader, policy::{Batch, BatchVerdict, Policy, Verdict},
/// };
///
/// /// Allows a number of bytes for the whole connection.
/// struct Volume { left: u64 }
///
/// impl Policy for Volume {
///     fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
///         match self.left.checked_sub(batch.bytes()) {
///             Some(left) => {
///                 self.left = left;
///                 BatchVerdict::Pass
///             }
///             // Some of these frames may be admitted yet.
///             None => BatchVerdict::OneByOne,
///         }
///     }
///
///     fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
///         match self.left.checked_sub(frame.payload_len()) {
///             Some(left) => self.left = left,
///             None => return Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too much data")),
///         }
///         Verdict::Pass
///     }
///
///     // Frames that another policy has dropped are not charged.
///     fn on_refund(&mut self, batch: &Batch) {
///         self.left += batch.bytes();
///     }
/// }
///
/// let (mut volume, now) = (Volume { left: 8 }, Instant::now());
/// let five = FrameHeader::parse(&[0x82, 0x05]).unwrap(); // binary, 5 bytes
/// assert_eq!(volume.on_batch(&Batch::of(&five), now), BatchVerdict::Pass);
/// assert_eq!(volume.on_batch(&Batch::of(&five), now), BatchVerdict::OneByOne);
/// assert!(matches!(volume.on_frame(&five, now), Verdict::Close(_)));
/// volume.on_refund(&Batch::of(&five));
/// assert_eq!(volume.on_frame(&five, now), Verdict::Pass);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// First frames of text and binary messages, one for each message.
    pub messages: Tally,
    /// Continuation frames.
    pub continuations: Tally,
    /// Continuation frames without a payload, also counted among the continuations.
    pub empty_continuations: u32,
    /// Data frames that do not end their message.
    pub unfinished: u32,
    /// Pings.
    pub pings: Tally,
    /// Pongs that do not answer a ping sent by the guard.
    pub pongs: Tally,
    /// The longest payload that a data frame declares, in bytes.
    pub longest: u64,
}

impl Batch {
    /// Creates a batch of one frame.
    pub fn of(frame: &FrameHeader) -> Self {
        let mut batch = Self::default();
        batch.add(frame);
        batch
    }

    /// Counts a frame.
    #[inline]
    pub(crate) fn add(&mut self, frame: &FrameHeader) {
        let bytes = frame.payload_len();
        match frame.opcode() {
            Opcode::PING => return self.pings.add(bytes),
            Opcode::PONG => return self.pongs.add(bytes),
            Opcode::CONTINUATION => {
                self.continuations.add(bytes);
                self.empty_continuations = self.empty_continuations.saturating_add(u32::from(bytes == 0));
            }
            _ => self.messages.add(bytes),
        }
        self.unfinished = self.unfinished.saturating_add(u32::from(!frame.fin()));
        self.longest = self.longest.max(bytes);
    }

    /// Counts whole messages of one frame each.
    #[cfg(feature = "guard")]
    #[inline]
    pub(crate) fn add_messages(&mut self, messages: usize, bytes: u64, longest: u64) {
        self.messages.frames = self.messages.frames.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
        self.messages.bytes = self.messages.bytes.saturating_add(bytes);
        self.longest = self.longest.max(longest);
    }

    /// Returns true if there are no frames.
    pub fn is_empty(&self) -> bool {
        self.frames() == 0
    }

    /// Returns the number of all frames.
    pub fn frames(&self) -> u32 {
        let data = self.messages.frames.saturating_add(self.continuations.frames);
        data.saturating_add(self.control_frames())
    }

    /// Returns the number of pings and pongs.
    pub fn control_frames(&self) -> u32 {
        self.pings.frames.saturating_add(self.pongs.frames)
    }

    /// Returns the payload bytes of all frames.
    pub fn bytes(&self) -> u64 {
        let data = self.messages.bytes.saturating_add(self.continuations.bytes);
        data.saturating_add(self.pings.bytes).saturating_add(self.pongs.bytes)
    }

    /// Returns what is in this batch but not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            messages: self.messages.minus(other.messages),
            continuations: self.continuations.minus(other.continuations),
            empty_continuations: self.empty_continuations.saturating_sub(other.empty_continuations),
            unfinished: self.unfinished.saturating_sub(other.unfinished),
            pings: self.pings.minus(other.pings),
            pongs: self.pongs.minus(other.pongs),
            longest: self.longest,
        }
    }
}
