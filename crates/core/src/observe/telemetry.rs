//! What a connection has to report, kept until it is unlocked.
//!
//! A recorder may be anything, from an atomic to a call over a network, and may call the connection's handle. So
//! nothing is recorded under the lock: what happens is noted here, and taken out by the change that has noted it, to be
//! reported after the unlock. Counters are reported as differences, at most every 15 s, because a metric for each
//! message would cost more than the message.

use std::time::{Duration, Instant};

use super::{Delta, Enforcement, FRAMING};
use crate::{counters::Counters, policy::Policy};

/// How often the counters are reported.
const EVERY: Duration = Duration::from_secs(15);
/// If no policy needs the clock, one in this many reads looks at it.
const READS: u8 = 32;

#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    /// There is something to report.
    due: bool,
    reads: u8,
    emit_at: Option<Instant>,
    emitted: Counters,
    delta: Option<Box<Delta>>,
}

impl Telemetry {
    /// Whether this read should look at the clock.
    #[inline]
    pub(crate) fn counts_read(&mut self) -> bool {
        if !cfg!(feature = "metrics") {
            return false;
        }
        self.reads = (self.reads + 1) % READS;
        self.reads == 0
    }

    /// The clock was read. Makes the counters due if it is time.
    #[inline]
    pub(crate) fn tick(&mut self, now: Instant) {
        if cfg!(feature = "metrics") && self.emit_at.is_none_or(|at| at <= now) {
            self.due = self.emit_at.is_some();
            self.emit_at = Some(now + EVERY);
        }
    }

    #[inline]
    pub(crate) fn are_due(&self) -> bool {
        self.due
    }

    #[cold]
    pub(crate) fn violated(&mut self, policy: &'static str, enforcement: Enforcement) {
        self.add(policy, enforcement.as_str(), 1);
    }

    #[cold]
    pub(crate) fn answered(&mut self, round_trip: Duration) {
        self.delta.get_or_insert_default().round_trip = Some(round_trip);
        self.due = true;
    }

    /// Collects what the policies have counted, because they are about to be dropped.
    pub(crate) fn finish(&mut self, policies: &mut [Box<dyn Policy>]) {
        self.ask(policies);
        self.due = true;
    }

    /// Takes what is to be reported.
    #[cold]
    #[expect(clippy::unnecessary_box_returns, reason = "it is kept in a box, and passes through calls in it")]
    pub(crate) fn take(&mut self, counters: Counters, policies: &mut [Box<dyn Policy>]) -> Box<Delta> {
        self.ask(policies);
        let emitted = std::mem::replace(&mut self.emitted, counters);
        self.add(FRAMING, "report", counters.violations - emitted.violations);
        self.due = false;
        let went_through = Counters {
            messages_in: counters.messages_in - emitted.messages_in,
            bytes_in: counters.bytes_in - emitted.bytes_in,
            messages_out: counters.messages_out - emitted.messages_out,
            bytes_out: counters.bytes_out - emitted.bytes_out,
            ..Counters::default()
        };
        let mut delta = self.delta.take().unwrap_or_default();
        delta.went_through = went_through;
        delta
    }

    /// Collects violations on report only, which policies count themselves.
    fn ask(&mut self, policies: &mut [Box<dyn Policy>]) {
        for policy in policies {
            let passed = policy.take_reported();
            self.add(policy.name(), "report", passed);
        }
    }

    fn add(&mut self, policy: &'static str, action: &'static str, times: u64) {
        if times == 0 {
            return;
        }
        self.due = true;
        let violations = &mut self.delta.get_or_insert_default().violations;
        match violations.iter_mut().find(|(enforced, _)| *enforced == (policy, action)) {
            Some((_, counted)) => *counted += times,
            None => violations.push(((policy, action), times)),
        }
    }
}
