//! Closes connections whose peer does not read.

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

/// Closes a connection whose peer takes nothing of what is sent to it for a time.
///
/// A client that asks and does not read makes the handler wait in a write for ever, and whatever is sent to it wait in
/// memory.
///
/// - Time runs while a write of the handler's, its flush, or a frame of the guard's finds no room; it starts anew with
///   each part that is taken, and ends when there is room again, even if nobody uses it.
/// - A close frame is tried, for as long as a closing handshake may take, and the connection dropped then. Where the
///   handler was stopped in the middle of a frame there is no place for one, and the connection just ends.
/// - Over HTTP/2 the handler is freed as well, but the stream lasts for as long as its client likes: hyper keeps what
///   was handed to it, 64 KiB at most, until the peer's flow-control windows take it, and has no call that resets the
///   stream meanwhile. Until then, or until the client resets the stream or its connection ends, the WebSocket has not
///   ended: it holds its permits and its place in the registry, so that connection limits count it.
///
/// **What this does not do**: bound how slowly a peer may read, nor what a library buffers for it: give tungstenite a
/// `max_write_buffer_size`.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// 10 s, by `WriteTimeoutLayer::default()`; 1013, `reads too slowly`.
///
/// ```
/// use std::time::Duration;
/// use portcullis_liveness::WriteTimeoutLayer;
///
/// let layer = WriteTimeoutLayer::new(Duration::from_secs(5));
/// # let _ = tower_layer::Layer::<()>::layer(&layer, ());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct WriteTimeoutLayer {
    timeout: Duration,
    frame: CloseFrame,
    report_only: bool,
}

impl WriteTimeoutLayer {
    /// Closes a connection that has taken nothing for so long.
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn new(timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "a peer must have a millisecond to read at least");
        Self { timeout, frame: CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "reads too slowly"), report_only: false }
    }

    /// What closes the connection. 1013 by default.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing: what would have been closed is counted and told, once a connection.
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

    fn watches_input(&self) -> bool {
        false
    }

    fn watches_output(&self) -> bool {
        true
    }

    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        later(standing.stalled_since?, self.0.timeout)
    }

    fn on_deadline(&mut self, standing: &Standing, now: Instant) -> Action {
        // There may have been room since, unnoticed until somebody looked.
        match self.deadline(standing) {
            Some(deadline) if deadline <= now => Action::Close(self.0.frame.clone()),
            _ => Action::None,
        }
    }
}
