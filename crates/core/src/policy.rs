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
    /// Names the policy in metrics and events. A label: of a closed set, in snake case.
    fn name(&self) -> &'static str {
        "policy"
    }

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
    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        let _ = standing;
        None
    }

    /// The deadline has passed. The policy must move it, or it is due again at once.
    fn on_deadline(&mut self, standing: &Standing, now: Instant) -> Action {
        let _ = (standing, now);
        Action::None
    }

    /// Whether the policy judges frames. One that does not is not asked about any, and its deadline is not asked for after
    /// each read: it may come nearer when the policy is told of a pong, a subject or a deadline, or through
    /// [`Standing::stalled_since`], and at no other time. Asked once, when the policy is installed.
    fn watches_input(&self) -> bool {
        true
    }

    /// Whether the policy judges by what is sent: [`Standing::last_message_out`] and [`Standing::stalled_since`] are
    /// kept only where one does, because that costs a look at the clock for each write. Asked once, when the policy is
    /// installed.
    fn watches_output(&self) -> bool {
        false
    }

    /// How many violations this policy let pass, because it is on report only, since it was last asked.
    fn take_reported(&mut self) -> u64 {
        0
    }
}

/// How a connection stands, for policies that judge a peer by time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// When the upgrade had completed; `None` before.
    pub opened: Option<Instant>,
    /// Bytes that came in, whatever they were, and whether or not the handler has read them.
    pub received: u64,
    /// How many of these the handler's library had been given when a deadline was last due.
    pub read: u64,
    /// When a data frame, or a part of one, was last delivered or dropped.
    pub last_message_in: Option<Instant>,
    /// When the handler last sent a part of a data message. Kept where a policy
    /// [watches the output](Policy::watches_output).
    pub last_message_out: Option<Instant>,
    /// When the message began of which more is to come: a part of a frame, or another fragment.
    pub unfinished_since: Option<Instant>,
    /// Since when the transport has taken nothing of what is to be sent: the peer does not read, or not fast enough.
    /// Kept where a policy [watches the output](Policy::watches_output).
    pub stalled_since: Option<Instant>,
    /// Input waits that the handler has not read. Looked for when a deadline is due.
    pub unread: bool,
    /// It cannot be known whether the peer has answered: its input is delayed, or there is more of it than is looked
    /// at (4 KiB) before the handler has read it; or a ping waits behind half a frame of the handler's. Looked for when
    /// a deadline is due.
    pub hidden: bool,
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
    /// Data frames that do not end their message.
    pub unfinished: u32,
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
        self.unfinished = self.unfinished.saturating_add(u32::from(!frame.fin()));
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
            unfinished: self.unfinished.saturating_sub(other.unfinished),
            pings: self.pings.minus(other.pings),
            pongs: self.pongs.minus(other.pongs),
            longest: self.longest,
        }
    }
}
