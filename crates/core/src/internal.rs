//! What the fuzz targets of the repository reach: the state machine of a connection, without a connection around it.
//! Not a part of the API.

use std::time::Instant;

use crate::{close::CloseFrame, guard, policy::Policy, settings::Framing};

/// The guard of one connection.
#[derive(Debug)]
pub struct Guard(guard::Guard);

/// What was decided about one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// How many bytes at the front may be delivered.
    pub deliver: usize,
    /// What begins here was not judged yet, or not admitted.
    pub rest: usize,
    /// What follows.
    pub then: Then,
}

/// What follows a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Present the rest again, in front of what comes next.
    Continue,
    /// Present the rest again at that time.
    Delay(Instant),
    /// The connection closes, as described.
    End(String),
}

/// How much of a write may go out as it is.
#[derive(Debug, Clone)]
pub struct Measure(guard::Measure);

impl Guard {
    /// A guard without policies.
    pub fn new(framing: Framing) -> Self {
        Self(guard::Guard::new(framing))
    }

    /// Puts a policy outside of those that are installed already.
    pub fn install_outermost(&mut self, policy: Box<dyn Policy>) {
        self.0.install_outermost(policy);
    }

    /// Gives RSV1 a meaning.
    pub fn allow_compression(&mut self) {
        self.0.allow_compression();
    }

    /// Judges what was read, in place.
    pub fn admit(&mut self, data: &mut [u8], now: Instant) -> Admitted {
        let admitted = self.0.admit(data, now);
        let then = match admitted.then {
            guard::Then::Continue => Then::Continue,
            guard::Then::Delay(until) => Then::Delay(until),
            end => Then::End(format!("{end:?}")),
        };
        Admitted { deliver: admitted.deliver, rest: admitted.rest, then }
    }

    /// How many bytes were delivered.
    pub fn bytes_in(&self) -> u64 {
        self.0.counters().bytes_in
    }

    /// How many frames broke a framing rule and were passed on.
    pub fn violations(&self) -> u64 {
        self.0.counters().violations
    }

    /// Measures a write, up to a close frame.
    pub fn measure(&self, data: &[u8]) -> Measure {
        Measure(self.0.measure(data, false))
    }

    /// Says that what was measured went out, all of it.
    pub fn wrote(&mut self, measure: Measure) {
        self.0.wrote(measure.0);
    }

    /// Takes bytes of the handler's close frame. Returns how many, and the frame, mended, once it is whole.
    pub fn capture_close(&mut self, data: &[u8]) -> (usize, Option<CloseFrame>) {
        self.0.capture_close(data)
    }

    /// Whether a close frame of the handler's is under way.
    pub fn is_capturing(&self) -> bool {
        self.0.is_capturing()
    }
}

impl Measure {
    /// How many bytes go out as they are.
    pub fn pass(&self) -> usize {
        self.0.pass
    }

    /// Whether a close frame begins behind them.
    pub fn close_follows(&self) -> bool {
        self.0.close_follows
    }
}
