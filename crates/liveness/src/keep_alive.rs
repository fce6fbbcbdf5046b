//! Pings peers, and closes connections whose peer does not answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame,
    policy::{Action, Policy, Standing},
};

use crate::{
    service::{Watch, layer},
    time::later,
};

/// Pings each connection, and closes one whose peer does not answer.
///
/// A phone that loses its network says nothing; its socket, and everything held for it, lives on for hours. A proxy in
/// between drops connections on which nothing moves for a minute.
///
/// - A ping goes out at every interval. Its pong is not shown to the handler, nor charged to it; others are.
/// - Whatever comes in after the ping is a sign of life.
/// - A handler that is busy keeps nobody's pong from counting: what waits unread is looked at, up to 4 KiB. Beyond that
///   the peer is not judged, nor while a rate limit delays its input, nor while the ping waits behind half a frame that
///   the handler has left, unless the peer has ended its side.
/// - The round trip of the last ping is [`Connection::round_trip`](portcullis_core::Connection::round_trip).
///
/// **What this does not do**: notice a peer that answers pings and does not read; see
/// [`WriteTimeoutLayer`](crate::WriteTimeoutLayer). Nor know how much a ping has to wait for: behind megabytes that a
/// slow link takes longer for than the timeout, a peer that only reads is closed.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// A ping every 25 s, up to a quarter earlier, so that connections that came together do not ping together; 20 s for
/// the answer; 3008, `no answer to a ping`. Both together are below the minute after which common proxies give up.
///
/// ```
/// use std::time::Duration;
/// use portcullis_liveness::KeepAliveLayer;
///
/// let layer = KeepAliveLayer::new().interval(Duration::from_secs(10)).timeout(Duration::from_secs(5));
/// # let _ = tower_layer::Layer::<()>::layer(&layer, ());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct KeepAliveLayer {
    interval: Duration,
    timeout: Duration,
    frame: CloseFrame,
    report_only: bool,
}

impl KeepAliveLayer {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(25),
            timeout: Duration::from_secs(20),
            frame: CloseFrame::new(CloseCode::TIMEOUT, "no answer to a ping"),
            report_only: false,
        }
    }

    /// The longest time from one ping to the next. 25 s unless told otherwise.
    ///
    /// # Panics
    ///
    /// If `interval` is shorter than a millisecond.
    #[track_caller]
    pub fn interval(self, interval: Duration) -> Self {
        assert!(interval >= Duration::from_millis(1), "pings must be a millisecond apart at least");
        Self { interval, ..self }
    }

    /// How long the peer may take to show a sign of life after a ping. 20 s unless told otherwise. It may be longer
    /// than the interval: the next ping waits until the last one was judged.
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn timeout(self, timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "a peer must have a millisecond to answer at least");
        Self { timeout, ..self }
    }

    /// What closes the connection. 3008 by default: 1011 would stop some clients for good.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing, and goes on pinging: pings without an answer are counted and told.
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

impl Default for KeepAliveLayer {
    fn default() -> Self {
        Self::new()
    }
}

layer!(KeepAliveLayer);

impl Watch for KeepAliveLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        let period = self.interval.saturating_sub(self.interval.mul_f64(fastrand::f64() / 4.0));
        Box::new(KeepAlive { layer: self.clone(), period, last: None, asked: None, reported: 0 })
    }
}

struct KeepAlive {
    layer: Arc<KeepAliveLayer>,
    /// Between pings.
    period: Duration,
    /// The last ping.
    last: Option<Instant>,
    /// It was not answered yet.
    asked: Option<Asked>,
    /// On report only, so many times there was no answer.
    reported: u64,
}

#[derive(Clone, Copy)]
struct Asked {
    /// What had come in by then.
    received: u64,
    /// `None` if the time for an answer never runs out.
    until: Option<Instant>,
}

impl KeepAlive {
    fn ping(&mut self, standing: &Standing, now: Instant) -> Action {
        self.last = Some(now);
        self.asked = Some(Asked { received: standing.received, until: later(now, self.layer.timeout) });
        Action::Ping
    }
}

impl Policy for KeepAlive {
    fn name(&self) -> &'static str {
        "keep_alive"
    }

    fn watches_input(&self) -> bool {
        false
    }

    fn take_reported(&mut self) -> u64 {
        std::mem::take(&mut self.reported)
    }

    fn on_pong(&mut self, _: Duration, _: Instant) {
        self.asked = None;
    }

    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        match &self.asked {
            Some(asked) => asked.until,
            None => later(self.last.or(standing.opened)?, self.period),
        }
    }

    fn on_deadline(&mut self, standing: &Standing, now: Instant) -> Action {
        match self.asked {
            None => self.ping(standing, now),
            Some(asked) if standing.received != asked.received => {
                self.asked = None;
                Action::None
            }
            // A ping that cannot be sent tells that the peer is gone: the first may only have elicited a reset.
            Some(asked) if standing.hidden => {
                self.asked = Some(Asked { until: later(now, self.layer.timeout), ..asked });
                Action::Ping
            }
            // It goes on pinging: the round trip is of use, and so is what proxies see.
            Some(_) if self.layer.report_only => {
                self.asked = None;
                self.reported += 1;
                Action::None
            }
            Some(_) => Action::Close(self.layer.frame.clone()),
        }
    }
}
