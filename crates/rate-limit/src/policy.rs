//! The decision.

use std::{sync::Arc, time::Instant};

use governor::Quota;
use portcullis_core::{
    CloseCode, CloseFrame,
    frame::{FrameHeader, Opcode},
    policy::{Batch, BatchVerdict, Policy, Verdict},
};

use crate::bucket::Bucket;

/// What happens to a message over the quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Excess {
    /// The connection is closed.
    #[default]
    Close,
    /// The message waits, and nothing behind it is read.
    Delay,
    /// The message is dropped, all of its fragments. On a connection that compresses, this closes with 1008.
    Drop,
}

#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) messages: Quota,
    pub(crate) control: Quota,
    pub(crate) continuations: Option<Quota>,
    pub(crate) empty: u32,
    pub(crate) excess: Excess,
    pub(crate) close: CloseFrame,
    pub(crate) report_only: bool,
}

/// One connection's buckets.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Arc<Limits>,
    messages: Bucket,
    control: Bucket,
    continuations: Bucket,
    /// Empty continuation frames of the message that is open.
    empty: u32,
}

impl Limiter {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        let continuations = limits.continuations.unwrap_or_else(|| continuations(limits.messages));
        Self {
            messages: Bucket::new(limits.messages),
            control: Bucket::new(limits.control),
            continuations: Bucket::new(continuations),
            empty: 0,
            limits,
        }
    }

    fn take_all(&mut self, batch: &Batch, now: Instant) -> Result<(), Instant> {
        for (bucket, cells) in [
            (&mut self.messages, batch.messages.frames),
            (&mut self.control, batch.control_frames()),
            (&mut self.continuations, batch.continuations.frames),
        ] {
            if cells > 0 {
                bucket.take(cells, now)?;
            }
        }
        if batch.messages.frames > 0 {
            self.empty = 0;
        }
        Ok(())
    }

    fn judge(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        match frame.opcode() {
            Opcode::CONTINUATION => self.continuation(frame, now),
            opcode if opcode.is_control() => {
                close_if(self.control.take(1, now).is_err(), "control frame rate exceeded")
            }
            _ => self.message(now),
        }
    }

    fn message(&mut self, now: Instant) -> Verdict {
        self.empty = 0;
        if self.messages.take(1, now).is_ok() {
            return Verdict::Pass;
        }
        match self.limits.excess {
            Excess::Close => Verdict::Close(self.limits.close.clone()),
            Excess::Delay if self.limits.report_only => Verdict::Pass,
            Excess::Delay => Verdict::Delay(self.messages.reserve(now)),
            Excess::Drop => Verdict::Drop,
        }
    }

    fn continuation(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        self.empty = self.empty.saturating_add(u32::from(frame.payload_len() == 0));
        if self.empty > self.limits.empty {
            return close_if(true, "too many empty fragments");
        }
        close_if(self.continuations.take(1, now).is_err(), "fragment rate exceeded")
    }
}

fn close_if(exceeded: bool, reason: &'static str) -> Verdict {
    if exceeded { Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, reason)) } else { Verdict::Pass }
}

/// 64 times a quota.
fn continuations(messages: Quota) -> Quota {
    let interval = (messages.replenish_interval() / 64).max(std::time::Duration::from_nanos(1));
    let quota = Quota::with_period(interval).unwrap_or(messages);
    quota.allow_burst(messages.burst_size().saturating_mul(std::num::NonZeroU32::MIN.saturating_add(63)))
}

impl Policy for Limiter {
    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        // Counting empty fragments by message needs them one by one.
        if batch.empty_continuations > 0 {
            return BatchVerdict::OneByOne;
        }
        // A batch that does not fit is charged frame by frame, so nothing of it may stay charged here.
        let before = (self.messages.clone(), self.control.clone(), self.continuations.clone());
        if self.take_all(batch, now).is_ok() {
            return BatchVerdict::Pass;
        }
        (self.messages, self.control, self.continuations) = before;
        BatchVerdict::OneByOne
    }

    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        let verdict = self.judge(frame, now);
        if self.limits.report_only { Verdict::Pass } else { verdict }
    }

    fn on_refund(&mut self, batch: &Batch) {
        self.messages.give_back(batch.messages.frames);
        self.control.give_back(batch.control_frames());
        self.continuations.give_back(batch.continuations.frames);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const TEXT: [u8; 6] = [0x81, 0x80, 0, 0, 0, 0];
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    const EMPTY: [u8; 6] = [0x00, 0x80, 0, 0, 0, 0];

    fn limiter(excess: Excess, report_only: bool) -> Limiter {
        let quota = |cells| Quota::per_second(NonZeroU32::new(cells).unwrap());
        Limiter::new(Arc::new(Limits {
            messages: quota(2),
            control: quota(3),
            continuations: None,
            empty: 4,
            excess,
            close: CloseFrame::new(CloseCode::POLICY_VIOLATION, "enough"),
            report_only,
        }))
    }

    /// How many of a frame pass, and what stops them.
    fn passes(limiter: &mut Limiter, frame: &[u8], now: Instant) -> (u32, Verdict) {
        let frame = FrameHeader::parse(frame).unwrap();
        for passed in 0..1000 {
            let verdict = limiter.on_frame(&frame, now);
            if verdict != Verdict::Pass {
                return (passed, verdict);
            }
        }
        (1000, Verdict::Pass)
    }

    #[test]
    fn each_kind_of_frame_has_its_quota() {
        let now = Instant::now();
        for (frame, passed, reason) in
            [(TEXT, 2, "enough"), (PING, 3, "control frame rate exceeded"), (EMPTY, 4, "too many empty fragments")]
        {
            let verdict = passes(&mut limiter(Excess::Close, false), &frame, now);
            let close = CloseFrame::new(CloseCode::POLICY_VIOLATION, reason);
            assert_eq!(verdict, (passed, Verdict::Close(close)), "{frame:?}");
        }
        let mut fragment = EMPTY;
        fragment[1] = 0x81;
        let (passed, _) = passes(&mut limiter(Excess::Close, false), &fragment, now);
        assert_eq!(passed, 128);
    }

    #[test]
    fn empty_fragments_are_counted_by_message() {
        let (mut limiter, now) = (limiter(Excess::Close, false), Instant::now());
        let (text, empty) = (FrameHeader::parse(&TEXT).unwrap(), FrameHeader::parse(&EMPTY).unwrap());
        assert_eq!(limiter.on_batch(&Batch::of(&empty), now), BatchVerdict::OneByOne);
        for _message in 0..2 {
            assert_eq!(limiter.on_frame(&text, now), Verdict::Pass);
            for _fragment in 0..4 {
                assert_eq!(limiter.on_frame(&empty, now), Verdict::Pass);
            }
        }
        assert_ne!(limiter.on_frame(&empty, now), Verdict::Pass);
    }

    #[test]
    fn excess_is_delayed_or_dropped_where_asked_for() {
        let now = Instant::now();
        assert_eq!(passes(&mut limiter(Excess::Drop, false), &TEXT, now), (2, Verdict::Drop));
        let mut delaying = limiter(Excess::Delay, false);
        for (passed, wait) in [(2, 500), (0, 1000), (0, 1500)] {
            let until = now + std::time::Duration::from_millis(wait);
            assert_eq!(passes(&mut delaying, &TEXT, now), (passed, Verdict::Delay(until)));
        }
    }

    #[test]
    fn report_only_admits_everything() {
        for excess in [Excess::Close, Excess::Delay, Excess::Drop] {
            assert_eq!(passes(&mut limiter(excess, true), &TEXT, Instant::now()), (1000, Verdict::Pass));
        }
    }

    #[test]
    fn a_batch_that_does_not_fit_is_not_charged() {
        let (mut limiter, now) = (limiter(Excess::Close, false), Instant::now());
        let mut batch = Batch::of(&FrameHeader::parse(&TEXT).unwrap());
        batch.messages.frames = 2;
        batch.pings.frames = 4;
        assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::OneByOne);
        batch.pings.frames = 3;
        assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::Pass);
        assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::OneByOne);
        limiter.on_refund(&batch);
        assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::Pass);
    }
}
