//! Closes connections on which no message was exchanged for a given time.

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
    time::{Deferral, later},
};

/// Closes a connection on which no message was exchanged for a given time, in either direction.
///
/// A client that opens sockets and sends nothing costs memory for each of them, and answers every ping. Pings and pongs
/// do not count as messages here; a fragment of a message does.
///
/// **What this does not do**: close a connection while its busy handler still has input to read.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// Messages in both directions count. Closes with 3008, `idle for too long`.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::Handshake;
/// use portcullis_liveness::IdleTimeoutLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = IdleTimeoutLayer::new(Duration::from_secs(600));
/// let app = Router::new().route("/ws", any(handler)).layer(layer);
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// let opened = tokio::time::Instant::now();
/// assert_eq!(client.closed().await.unwrap().to_string(), "3008 idle for too long");
/// assert_eq!(opened.elapsed().as_secs(), 600);
/// # Ok(()) }
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
    /// Closes connections after `timeout` without a message.
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn new(timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "a timeout must be a millisecond at least");
        Self {
            timeout,
            both: true,
            frame: CloseFrame::new(CloseCode::TIMEOUT, "idle for too long"),
            report_only: false,
        }
    }

    /// Counts only messages of the client. Otherwise a feed that the client never answers keeps the connection open.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_liveness::IdleTimeoutLayer;
    /// # use tokio::time::{Instant, sleep};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Ten messages, one a minute.
    /// let feed = any(async |upgrade: WebSocketUpgrade| {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         for _ in 0..10 {
    ///             sleep(Duration::from_secs(60)).await;
    ///             let _closed = socket.send("news".into()).await;
    ///         }
    ///         while let Some(Ok(_)) = socket.recv().await {}
    ///     })
    /// });
    /// // How many seconds a client stays connected that only reads.
    /// let reader = async |layer: IdleTimeoutLayer| {
    ///     let app = Router::new().route("/ws", feed.clone()).layer(layer);
    ///     let mut client = Handshake::new("/ws").connect(app).await.unwrap();
    ///     let opened = Instant::now();
    ///     assert_eq!(client.closed().await.unwrap().code().unwrap(), 3008);
    ///     opened.elapsed().as_secs()
    /// };
    /// let layer = IdleTimeoutLayer::new(Duration::from_secs(300));
    /// assert_eq!(reader(layer.clone()).await, 900, "5 min after the last message of the feed");
    /// assert_eq!(reader(layer.inbound_only()).await, 300, "the feed does not count");
    /// # Ok(()) }
    /// ```
    pub fn inbound_only(self) -> Self {
        Self { both: false, ..self }
    }

    /// Sets the close frame. 3008, `idle for too long`, by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing, but counts and logs, once for each connection, that it would be closed (features `metrics` and
    /// `tracing`).
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

layer!(IdleTimeoutLayer);

impl Watch for IdleTimeoutLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        reported(Idle { layer: self.clone(), deferral: Deferral::default() }, self.report_only)
    }
}

struct Idle {
    layer: Arc<IdleTimeoutLayer>,
    deferral: Deferral,
}

impl Idle {
    /// When the last message was exchanged.
    fn last(&self, activity: &Activity) -> Option<Instant> {
        let sent = activity.last_message_out.filter(|_| self.layer.both);
        activity.opened.max(activity.last_message_in).max(sent)
    }
}

impl Policy for Idle {
    fn name(&self) -> &'static str {
        "idle_timeout"
    }

    fn interest(&self) -> Interest {
        if self.layer.both { Interest::OUTPUT } else { Interest::NONE }
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        later(self.last(activity)?, self.layer.timeout).max(self.deferral.again())
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        if self.deferral.holds(self.last(activity), activity, now) {
            return Action::None;
        }
        Action::Close(self.layer.frame.clone())
    }
}
