//! Closes connections on which no message was exchanged for a given time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame,
    policy::{Action, Policy, Standing},
};

use crate::{
    service::{Watch, layer, reported},
    time::{Doubt, later},
};

/// Closes a connection on which no data message was sent for a time, in either direction.
///
/// A client that opens sockets and says nothing costs memory for each, and answers every ping. Pings and pongs do not
/// count here; a part of a message does.
///
/// **What this does not do**: close a connection whose handler has input to read, and is busy.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// Messages of both sides count; 3008, `idle for too long`.
///
/// ```
/// use std::time::Duration;
/// use portcullis_liveness::IdleTimeoutLayer;
///
/// // A feed that the client never answers would keep itself alive.
/// let layer = IdleTimeoutLayer::new(Duration::from_secs(600)).inbound_only();
/// # let _ = tower_layer::Layer::<()>::layer(&layer, ());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct IdleTimeoutLayer {
    timeout: Duration,
    both: bool,
    frame: CloseFrame,
    report_only: bool,
}

impl IdleTimeoutLayer {
    /// Closes after so long without a message.
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn new(timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "nobody says something every millisecond");
        Self {
            timeout,
            both: true,
            frame: CloseFrame::new(CloseCode::TIMEOUT, "idle for too long"),
            report_only: false,
        }
    }

    /// Only messages of the client count.
    pub fn inbound_only(self) -> Self {
        Self { both: false, ..self }
    }

    /// What closes the connection. 3008 by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing: what would have been closed is counted and told, once a connection.
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

layer!(IdleTimeoutLayer);

impl Watch for IdleTimeoutLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        reported(Idle { layer: self.clone(), doubt: Doubt::default() }, self.report_only)
    }
}

struct Idle {
    layer: Arc<IdleTimeoutLayer>,
    doubt: Doubt,
}

impl Idle {
    /// When something was said last.
    fn last(&self, standing: &Standing) -> Option<Instant> {
        let sent = standing.last_message_out.filter(|_| self.layer.both);
        standing.opened.max(standing.last_message_in).max(sent)
    }
}

impl Policy for Idle {
    fn name(&self) -> &'static str {
        "idle_timeout"
    }

    fn watches_input(&self) -> bool {
        false
    }

    fn watches_output(&self) -> bool {
        self.layer.both
    }

    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        later(self.last(standing)?, self.layer.timeout).max(self.doubt.again())
    }

    fn on_deadline(&mut self, standing: &Standing, now: Instant) -> Action {
        if self.doubt.holds(self.last(standing), standing, now) {
            return Action::None;
        }
        Action::Close(self.layer.frame.clone())
    }
}
