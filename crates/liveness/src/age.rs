//! Closes connections at a maximum age.

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
    time::later,
};

/// Closes a connection that has lived long enough, so that clients come back and are spread anew over the servers
/// behind a balancer, and so that nothing that was checked at the handshake holds for ever.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// 1001, `maximum age reached`: a client comes back at once. Connections close in the last tenth of their time, each at
/// a moment of its own, so that those that came together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use portcullis_liveness::MaxAgeLayer;
///
/// let hour = Duration::from_secs(3600);
/// let layer = MaxAgeLayer::new(hour).spread(hour / 4);
/// # let _ = tower_layer::Layer::<()>::layer(&layer, ());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MaxAgeLayer {
    age: Duration,
    spread: Duration,
    frame: CloseFrame,
    report_only: bool,
}

impl MaxAgeLayer {
    /// Closes a connection that is so old, or a little earlier.
    ///
    /// # Panics
    ///
    /// If `age` is shorter than a millisecond.
    #[track_caller]
    pub fn new(age: Duration) -> Self {
        assert!(age >= Duration::from_millis(1), "a connection must live for a millisecond at least");
        Self {
            age,
            spread: age / 10,
            frame: CloseFrame::new(CloseCode::GOING_AWAY, "maximum age reached"),
            report_only: false,
        }
    }

    /// How much earlier a connection may be closed; zero to close each at its very age. A tenth of the age unless told
    /// otherwise.
    pub fn spread(self, spread: Duration) -> Self {
        Self { spread, ..self }
    }

    /// What closes the connection. 1001 by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing: what would have been closed is counted and told, once a connection.
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

layer!(MaxAgeLayer);

impl Watch for MaxAgeLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        let age = self.age.saturating_sub(self.spread.mul_f64(fastrand::f64()));
        reported(MaxAge { layer: self.clone(), age }, self.report_only)
    }
}

struct MaxAge {
    layer: Arc<MaxAgeLayer>,
    age: Duration,
}

impl Policy for MaxAge {
    fn name(&self) -> &'static str {
        "max_age"
    }

    fn watches_input(&self) -> bool {
        false
    }

    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        later(standing.opened?, self.age)
    }

    fn on_deadline(&mut self, _: &Standing, _: Instant) -> Action {
        Action::Close(self.layer.frame.clone())
    }
}
