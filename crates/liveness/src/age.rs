//! Closes connections at a maximum age.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame,
    policy::{Action, Activity, Interest, Policy},
};

use crate::{
    service::{Watch, layer, reported},
    time::{Fraction, later},
};

/// Closes each connection at a maximum age.
///
/// Clients then reconnect and are distributed anew over the servers behind a load balancer, and nothing that was
/// checked at the handshake stays valid for ever.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// Closes with 1001, `maximum age reached`, on which clients reconnect at once. Each connection closes at a random
/// moment in the last tenth of its time, so that clients that connected together do not reconnect together.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::Handshake;
/// use portcullis_liveness::MaxAgeLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = MaxAgeLayer::new(Duration::from_secs(3600)).spread(Duration::from_secs(900));
/// let app = Router::new().route("/ws", any(handler)).layer(layer);
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// let opened = tokio::time::Instant::now();
/// assert_eq!(client.closed().await.unwrap().to_string(), "1001 maximum age reached");
/// let age = opened.elapsed().as_secs();
/// assert!((2700..=3600).contains(&age), "{age}");
/// # Ok(()) }
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
    /// Closes connections at `age`, or earlier by up to [`spread`](Self::spread).
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

    /// Sets how much earlier than its maximum age a connection may be closed. By default a tenth of the age; with zero,
    /// each connection is closed at exactly its maximum age.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_liveness::MaxAgeLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = MaxAgeLayer::new(Duration::from_secs(3600)).spread(Duration::ZERO);
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// let opened = tokio::time::Instant::now();
    /// client.send_text("the age is not an idle time: messages do not extend it").await?;
    /// assert_eq!(client.closed().await.unwrap().code().unwrap(), 1001);
    /// assert_eq!(opened.elapsed().as_secs(), 3600);
    /// # Ok(()) }
    /// ```
    pub fn spread(self, spread: Duration) -> Self {
        Self { spread, ..self }
    }

    /// Sets the close frame. 1001, `maximum age reached`, by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing, but counts and logs, once for each connection, that it would be closed (features `metrics` and
    /// `tracing`).
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

layer!(MaxAgeLayer);

impl Watch for MaxAgeLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        reported(MaxAge { layer: self.clone(), early: Fraction::random() }, self.report_only)
    }
}

struct MaxAge {
    layer: Arc<MaxAgeLayer>,
    /// How much of the spread it is closed earlier.
    early: Fraction,
}

impl Policy for MaxAge {
    fn name(&self) -> &'static str {
        "max_age"
    }

    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let MaxAgeLayer { age, spread, .. } = *self.layer;
        later(activity.opened?, age.saturating_sub(self.early.of(spread)))
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(self.layer.frame.clone())
    }
}
