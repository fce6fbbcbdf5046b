//! The trait that layers implement, and what a policy may answer.

use std::time::{Duration, Instant};

use super::{Activity, Batch};
use crate::{
    close::{CloseCode, CloseFrame},
    frame::FrameHeader,
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

    /// More came behind a frame that this policy delayed than is held back. Over HTTP/2 the connection is closed then,
    /// with this frame; see [`Verdict::Delay`].
    fn on_overflow(&mut self) -> CloseFrame {
        CloseFrame::new(CloseCode::POLICY_VIOLATION, "too much sent while delayed")
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
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let _ = activity;
        None
    }

    /// The deadline has passed. The policy must move it, or it is due again at once.
    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        let _ = (activity, now);
        Action::None
    }

    /// Whether the policy judges frames. One that does not is not asked about any, and its deadline is not asked for
    /// after each read: it may come nearer when the policy is told of a pong, a subject or a deadline, or through
    /// [`Activity::stalled_since`], and at no other time. Asked once, when the policy is installed.
    fn watches_input(&self) -> bool {
        true
    }

    /// Whether the policy judges by what is sent: [`Activity::last_message_out`] and [`Activity::stalled_since`] are
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
    /// Deliver it at that time, and nothing before. It is not asked about again.
    ///
    /// Over HTTP/1 nothing is read meanwhile, and TCP tells the peer to slow down. Over HTTP/2 what is not read takes
    /// up the window of the whole connection, so that a peer that sends on would hold up the other streams, which may
    /// be other users' behind a proxy. There up to 16 KiB are read on and held back, this frame included; more closes
    /// the connection with [`Policy::on_overflow`].
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
