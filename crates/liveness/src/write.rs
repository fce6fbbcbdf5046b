//! Closes connections whose peer does not read.

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
    time::later,
};

/// Closes a connection whose peer does not read what is sent to it.
///
/// A client that asks for data and does not read it makes the handler wait in a write for ever, and keeps everything
/// that is sent to it in memory.
///
/// - The time runs while the transport accepts nothing of a write or flush by the handler, or of a frame that the guard
///   sends. It starts anew with each part that is accepted, and ends when there is room again, even if it is not used.
/// - A close frame is attempted for as long as a closing handshake may take; then the connection is dropped. If the
///   handler was stopped in the middle of a frame, no close frame can be sent and the connection just ends.
/// - Over HTTP/2 the handler is freed as well, but the client decides how long the stream lives. hyper keeps what it
///   was given, at most 64 KiB, until the peer's flow-control windows accept it, and offers no way to reset the stream.
///   The WebSocket ends when that has happened, when the client resets the stream or when its connection ends. Until
///   then it holds its permits and its place in the registry, so that connection limits count it.
///
/// **What this does not do**: limit how slowly a peer may read, or what a library buffers for it. Set tungstenite's
/// `max_write_buffer_size`, for example.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// `WriteTimeoutLayer::default()` closes after 10 s, with 1013, `reads too slowly`.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::Handshake;
/// use portcullis_liveness::WriteTimeoutLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     // Sends for ever, but not to a client that does not read.
///     upgrade.on_upgrade(async |mut socket| while socket.send("news".into()).await.is_ok() {})
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = WriteTimeoutLayer::new(Duration::from_secs(5));
/// let app = Router::new().route("/ws", any(handler)).layer(layer);
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// tokio::time::sleep(Duration::from_secs(6)).await;
/// // The handler was stopped in the middle of a frame, so the connection just ends.
/// assert_eq!(client.closed().await, None);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct WriteTimeoutLayer {
    timeout: Duration,
    frame: CloseFrame,
    report_only: bool,
}

impl WriteTimeoutLayer {
    /// Closes connections whose peer accepted nothing for `timeout`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_liveness::WriteTimeoutLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Sends 64 KiB at once, more than the pipe of 1 KiB holds.
    /// let handler = any(async |upgrade: WebSocketUpgrade| {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         let _closed = socket.send(vec![0; 64 * 1024].into()).await;
    ///         while let Some(Ok(_)) = socket.recv().await {}
    ///     })
    /// });
    /// let app = Router::new().route("/ws", handler).layer(WriteTimeoutLayer::new(Duration::from_secs(5)));
    ///
    /// // A slow reader is not closed as long as it reads at all: the time starts anew with each part.
    /// let mut slow = Handshake::new("/ws").pipe(1024).connect(app.clone()).await?;
    /// assert!(matches!(slow.next().await, Some(Message::Binary(payload)) if payload.len() == 64 * 1024));
    ///
    /// let mut stuck = Handshake::new("/ws").pipe(1024).connect(app).await?;
    /// tokio::time::sleep(Duration::from_secs(60)).await;
    /// assert_eq!(stuck.closed().await, None, "no close frame fits behind half a message");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn new(timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "a peer must have a millisecond to read at least");
        Self { timeout, frame: CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "reads too slowly"), report_only: false }
    }

    /// Sets the close frame. 1013, `reads too slowly`, by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing, but counts and logs, once for each connection, that it would be closed (features `metrics` and
    /// `tracing`).
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

impl Default for WriteTimeoutLayer {
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

layer!(WriteTimeoutLayer);

impl Watch for WriteTimeoutLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        reported(WriteTimeout(self.clone()), self.report_only)
    }
}

struct WriteTimeout(Arc<WriteTimeoutLayer>);

impl Policy for WriteTimeout {
    fn name(&self) -> &'static str {
        "write_timeout"
    }

    fn interest(&self) -> Interest {
        Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        later(activity.stalled_since?, self.0.timeout)
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        // There may have been room since, which is only noticed at a look.
        match self.deadline(activity) {
            Some(deadline) if deadline <= now => Action::Close(self.0.frame.clone()),
            _ => Action::None,
        }
    }
}
