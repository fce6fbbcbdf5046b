//! A policy that is tried out before it is enforced.
//!
//! The policy itself goes on counting as if nothing had been passed in spite of it. A quota on report only therefore
//! says how many frames would have been refused with that quota, and not how many would be if their senders had been
//! slowed down or closed before.

use std::time::{Duration, Instant};

use super::{Action, Activity, Batch, BatchVerdict, Interest, Policy, Verdict};
use crate::{frame::FrameHeader, identity::Subject};

/// Asks a policy, and enforces nothing: every frame passes, and nothing is closed. Pings are sent.
///
/// What the policy would have done is counted, by `portcullis_violations_total` with the action `report` and by an
/// event. Once it would have closed the connection, it is not asked any more.
///
/// ```
/// use std::time::Instant;
/// use portcullis_core::{CloseFrame, frame::{FrameHeader, Opcode}, policy::{Policy, ReportOnly, Verdict}};
///
/// /// Drops binary messages.
/// struct TextOnly;
///
/// impl Policy for TextOnly {
///     fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
///         if frame.opcode() == Opcode::BINARY { Verdict::Drop } else { Verdict::Pass }
///     }
/// }
///
/// let binary = FrameHeader::parse(&[0x82, 0x00]).unwrap();
/// assert_eq!(TextOnly.on_frame(&binary, Instant::now()), Verdict::Drop);
/// let mut reported = ReportOnly::new(TextOnly);
/// assert_eq!(reported.on_frame(&binary, Instant::now()), Verdict::Pass);
/// assert_eq!(reported.take_reported(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct ReportOnly<P> {
    policy: P,
    /// The policy would have ended the connection.
    ended: bool,
    unreported: u64,
}

impl<P: Policy> ReportOnly<P> {
    /// Asks `policy`, and enforces nothing.
    pub fn new(policy: P) -> Self {
        Self { policy, ended: false, unreported: 0 }
    }

    fn end(&mut self) {
        self.ended = true;
        self.unreported += 1;
    }

    fn report(&mut self, action: Action) -> Action {
        match action {
            Action::Close(_) | Action::Abort => {
                self.end();
                Action::None
            }
            Action::None | Action::Ping => action,
        }
    }
}

impl<P: Policy> Policy for ReportOnly<P> {
    fn name(&self) -> &'static str {
        self.policy.name()
    }

    fn take_reported(&mut self) -> u64 {
        std::mem::take(&mut self.unreported) + self.policy.take_reported()
    }

    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        if self.ended { BatchVerdict::Pass } else { self.policy.on_batch(batch, now) }
    }

    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        if self.ended {
            return Verdict::Pass;
        }
        match self.policy.on_frame(frame, now) {
            Verdict::Pass => {}
            Verdict::Delay(_) | Verdict::AskAgain(_) | Verdict::Drop => self.unreported += 1,
            Verdict::Close(_) => self.end(),
        }
        Verdict::Pass
    }

    fn on_refund(&mut self, batch: &Batch) {
        self.policy.on_refund(batch);
    }

    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        let action = self.policy.on_authenticated(subject);
        self.report(action)
    }

    fn on_pong(&mut self, round_trip: Duration, now: Instant) {
        self.policy.on_pong(round_trip, now);
    }

    fn interest(&self) -> Interest {
        self.policy.interest()
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        if self.ended { None } else { self.policy.deadline(activity) }
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        let action = self.policy.on_deadline(activity, now);
        self.report(action)
    }
}
