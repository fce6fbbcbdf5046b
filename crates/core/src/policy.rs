//! What a layer implements to enforce something on a live connection.
//!
//! A policy is asked about inbound frames by their headers, before any of a frame is delivered. Policies are asked
//! outermost first. All frames of one read are offered as a [`Batch`] first, because one decision a read is what makes
//! a guard cheap; a policy that cannot answer for all of them is asked one by one.

use std::time::{Duration, Instant};

use crate::{
    close::CloseFrame,
    frame::{FrameHeader, Opcode},
    identity::Subject,
};

/// Something that is enforced on one live connection.
///
/// It is asked while the connection is locked: it must not wait, and must not call its own connection's handle. Return
/// an [`Action`], or leave the call to a task.
///
/// ```
/// use std::time::Instant;
/// use portcullis_core::{CloseCode, CloseFrame, frame::{FrameHeader, Opcode}, policy::{Policy, Verdict}};
///
/// /// Takes text only.
/// struct TextOnly;
///
/// impl Policy for TextOnly {
///     fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
///         if frame.opcode() == Opcode::BINARY {
///             return Verdict::Close(CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only"));
///         }
///         Verdict::Pass
///     }
/// }
///
/// let binary = FrameHeader::parse(&[0x82, 0x00]).unwrap();
/// assert_ne!(TextOnly.on_frame(&binary, Instant::now()), Verdict::Pass);
/// ```
pub trait Policy: Send + 'static {
    /// All frames of one read at once. [`BatchVerdict::OneByOne`], the default, charges nothing and asks for them one
    /// by one.
    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        let _ = (batch, now);
        BatchVerdict::OneByOne
    }

    /// One inbound frame, from its header, before any of it is delivered. Close frames and answers to the guard's own
    /// pings are not asked about.
    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        let _ = (frame, now);
        Verdict::Pass
    }

    /// Gives back what was charged for frames that this policy passed and another one kept from being delivered.
    fn on_refund(&mut self, batch: &Batch) {
        let _ = batch;
    }

    /// The subject became known after this policy was made, by the time it is installed or later.
    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        let _ = subject;
        Action::None
    }

    /// The peer answered a ping of the guard's own.
    fn on_pong(&mut self, round_trip: Duration, now: Instant) {
        let _ = (round_trip, now);
    }

    /// When [`on_deadline`](Self::on_deadline) is due. May move; a deadline that moves later costs nothing.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has passed. The policy must move it, or it is due again at once.
    fn on_deadline(&mut self, now: Instant) -> Action {
        let _ = now;
        Action::None
    }
}

/// What a policy says about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchVerdict {
    /// Admits them all, and has charged for them.
    Pass,
    /// Asks for them one by one, and has charged for none.
    OneByOne,
}

/// What a policy says about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Deliver it.
    Pass,
    /// Deliver it at that time, and read nothing before. It is not asked about again.
    Delay(Instant),
    /// Deliver nothing of the message, or of the control frame. Counts on a message's first frame; on a later one, and
    /// on a connection that compresses, it closes with 1008 instead.
    Drop,
    /// Close the connection. What was admitted before is delivered.
    Close(CloseFrame),
}

/// What a policy does of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Send a ping; [`Policy::on_pong`] tells of its answer.
    Ping,
    /// Close the connection.
    Close(CloseFrame),
    /// End the connection without a close frame.
    Abort,
}

/// How many frames of a kind there are, and how many payload bytes they declare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u32,
    /// Payload bytes, as declared; saturates.
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

/// The frames whose headers one read held, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// First frames of text and binary messages: as many as messages.
    pub messages: Tally,
    /// Continuation frames.
    pub continuations: Tally,
    /// Continuation frames without a payload, also counted among the continuations.
    pub empty_continuations: u32,
    /// Pings.
    pub pings: Tally,
    /// Pongs that answer no ping of the guard's.
    pub pongs: Tally,
    /// The longest payload that a data frame declares, in bytes.
    pub longest: u64,
}

impl Batch {
    /// A batch of one frame.
    pub fn of(frame: &FrameHeader) -> Self {
        let mut batch = Self::default();
        batch.add(frame);
        batch
    }

    /// Counts a frame.
    #[inline]
    pub fn add(&mut self, frame: &FrameHeader) {
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
        self.longest = self.longest.max(bytes);
    }

    /// Counts a message of one frame.
    #[cfg(feature = "guard")]
    #[inline]
    pub(crate) fn add_message(&mut self, bytes: u64) {
        self.messages.add(bytes);
        self.longest = self.longest.max(bytes);
    }

    /// Whether there is no frame in it.
    pub fn is_empty(&self) -> bool {
        self.frames() == 0
    }

    /// All frames.
    pub fn frames(&self) -> u32 {
        let data = self.messages.frames.saturating_add(self.continuations.frames);
        data.saturating_add(self.control_frames())
    }

    /// Pings and pongs.
    pub fn control_frames(&self) -> u32 {
        self.pings.frames.saturating_add(self.pongs.frames)
    }

    /// Payload bytes of all frames.
    pub fn bytes(&self) -> u64 {
        let data = self.messages.bytes.saturating_add(self.continuations.bytes);
        data.saturating_add(self.pings.bytes).saturating_add(self.pongs.bytes)
    }

    /// What is in this batch and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            messages: self.messages.minus(other.messages),
            continuations: self.continuations.minus(other.continuations),
            empty_continuations: self.empty_continuations.saturating_sub(other.empty_continuations),
            pings: self.pings.minus(other.pings),
            pongs: self.pongs.minus(other.pongs),
            longest: self.longest,
        }
    }
}
