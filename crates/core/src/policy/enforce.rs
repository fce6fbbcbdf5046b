//! The trait that layers implement, and what its methods return.
//!
//! A policy is asked about batches first and about single frames only where it wants to be, because most reads hold
//! nothing that any policy objects to.

use std::time::{Duration, Instant};

use super::{Activity, Batch, Interest};
use crate::{
    close::{CloseCode, CloseFrame},
    frame::FrameHeader,
    identity::Subject,
};

/// A rule that is enforced on one live connection.
///
/// Its methods are called while the connection is locked: they must not block, and must not call the
/// `Connection` handle of the same connection. Return a [`Verdict`] or an [`Action`], or spawn a
/// task for the call.
///
/// ```
/// use std::time::Instant;
/// use portcullis_core::{CloseCode, CloseFrame, frame::{FrameHeader, Opcode}, policy::{Policy, Verdict}};
///
/// /// Allows text only.
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
    /// Returns the policy's name for metrics and events: a constant in snake case.
    fn name(&self) -> &'static str {
        "policy"
    }

    /// Decides about all frames of one read. By default returns [`BatchVerdict::OneByOne`], so that
    /// [`on_frame`](Self::on_frame) is called for each.
    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        let _ = (batch, now);
        BatchVerdict::OneByOne
    }

    /// Decides about one inbound frame by its header, before any of it is delivered. Not called for close frames and
    /// for answers to the guard's own pings.
    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        let _ = (frame, now);
        Verdict::Pass
    }

    /// Returns the close frame for a peer that sent more behind a delayed frame than is held back. Called over HTTP/2
    /// only; see [`Verdict::Delay`].
    fn on_overflow(&mut self) -> CloseFrame {
        CloseFrame::new(CloseCode::POLICY_VIOLATION, "too much sent while delayed")
    }

    /// Called with frames that this policy passed but that another policy kept from being delivered: a policy that
    /// counts frames gives them back.
    fn on_refund(&mut self, batch: &Batch) {
        let _ = batch;
    }

    /// Called when the subject becomes known after the policy was created.
    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        let _ = subject;
        Action::None
    }

    /// Called when the peer has answered a ping that the guard sent.
    fn on_pong(&mut self, round_trip: Duration, now: Instant) {
        let _ = (round_trip, now);
    }

    /// Returns when [`on_deadline`](Self::on_deadline) is due. It may change; moving it later costs nothing.
    ///
    /// Called often, under the connection's lock, so it should be a comparison or an addition. [`Activity`] has the
    /// times that the guard keeps for all policies:
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use portcullis_core::policy::{Action, Activity, Policy};
    ///
    /// /// Ends connections on which no message has arrived for an hour, or ever.
    /// struct Silence;
    ///
    /// impl Policy for Silence {
    ///     fn deadline(&self, activity: &Activity) -> Option<Instant> {
    ///         let last = activity.last_message_in.or(activity.opened)?;
    ///         Some(last + Duration::from_secs(3600))
    ///     }
    ///
    ///     fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
    ///         Action::Abort
    ///     }
    /// }
    ///
    /// assert_eq!(Silence.deadline(&Activity::default()), None, "the upgrade has not completed");
    /// ```
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let _ = activity;
        None
    }

    /// Called when the deadline has passed. The policy must move the deadline, or it is due again at once.
    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        let _ = (activity, now);
        Action::None
    }

    /// What the policy is asked about: inbound frames by default. Asked once, when the policy is installed.
    fn interest(&self) -> Interest {
        Interest::INPUT
    }

    /// Returns how many violations this policy has let pass since the last call, because it only reports.
    fn take_reported(&mut self) -> u64 {
        0
    }
}

/// The decision of a policy about a [`Batch`].
///
/// Both are exact: a policy that passes a batch has charged for all of it, and one that wants single frames has charged
/// for none. In between there is nothing, because the guard could not know which frames were paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchVerdict {
    /// Admits all frames; the policy has counted them.
    Pass,
    /// Wants to be called for each frame; the policy has counted none.
    OneByOne,
}

/// The decision of a policy about a frame.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # use std::time::{Duration, Instant};
/// # use portcullis_core::{CloseCode, CloseFrame, GuardedIo, frame::FrameHeader, settings::Settings, testing::Client};
/// # use tokio::io::{AsyncReadExt, duplex};
/// use portcullis_core::policy::{Policy, Verdict};
///
/// /// Drops empty messages, delays short ones by a minute, and closes at long ones.
/// struct BySize;
///
/// impl Policy for BySize {
///     fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
///         match frame.payload_len() {
///             0 => Verdict::Drop,
///             1..=9 => Verdict::Delay(now + Duration::from_secs(60)),
///             _ => Verdict::Close(CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, "")),
///         }
///     }
/// }
///
/// let (ours, theirs) = duplex(1024);
/// let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new(), vec![Box::new(BySize)]);
/// let mut client = Client::new(ours);
/// client.send_text("").await.unwrap();
/// client.send_text("short").await.unwrap();
/// let began = tokio::time::Instant::now();
/// handler.read_exact(&mut [0; 11]).await.unwrap(); // the second message: the first one is gone
/// assert_eq!((began.elapsed().as_secs(), connection.counters().dropped), (60, 1));
/// client.send_text("more than nine").await.unwrap();
/// tokio::spawn(async move { handler.read_to_end(&mut Vec::new()).await });
/// assert_eq!(client.closed().await.unwrap().to_string(), "1009");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Delivers the frame.
    Pass,
    /// Delivers the frame at that time, and nothing before it. The policy is not asked about it again.
    ///
    /// Over HTTP/1 nothing is read meanwhile, and TCP slows the peer down. Over HTTP/2 what is not read takes up the
    /// window of the whole connection, so that a peer that sends on would hold up the other streams, which may be other
    /// users' behind a proxy. There up to 16 KiB are read on and held back, this frame included; more closes the
    /// connection with [`Policy::on_overflow`].
    Delay(Instant),
    /// Delivers nothing yet, and asks the policy about the frame again at that time. A violation is counted once,
    /// however often the policy is asked about it. What [`Delay`](Self::Delay) says of reading meanwhile holds here,
    /// too.
    AskAgain(Instant),
    /// Delivers nothing of the message, or of the control frame. Possible on the first frame of a message; on a later
    /// one, and on a connection that compresses, it closes with 1008 instead.
    Drop,
    /// Closes the connection. What was admitted before is still delivered.
    Close(CloseFrame),
}

/// What a policy asks the guard to do.
///
/// Where several policies are called for one event, the first that ends the connection decides, and those behind it are
/// not asked. A ping is sent once, however many want one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing.
    None,
    /// Sends a ping. [`Policy::on_pong`] is called when it is answered.
    Ping,
    /// Closes the connection.
    Close(CloseFrame),
    /// Ends the connection without a close frame.
    Abort,
}
