//! How a drain goes about it: the close frame, the times, and the answer to handshakes.

use std::time::Duration;

use http::StatusCode;
use portcullis_core::{
    CloseCode, CloseFrame,
    refusal::{Kind, Refusal},
};

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) frame: Option<CloseFrame>,
    pub(super) going_away: bool,
    pub(super) window: Duration,
    pub(super) quiet: Duration,
    pub(super) grace: Duration,
    pub(super) deadline: Duration,
    pub(super) retry_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame: None,
            going_away: false,
            window: Duration::from_secs(5),
            quiet: Duration::from_millis(500),
            grace: Duration::from_secs(5),
            deadline: Duration::from_secs(25),
            retry_after: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// What the clients read.
    pub(super) fn frame(&self) -> CloseFrame {
        let (code, reason) = if self.going_away {
            (CloseCode::GOING_AWAY, "going away")
        } else {
            (CloseCode::SERVICE_RESTART, "service restarts")
        };
        self.frame.clone().unwrap_or_else(|| CloseFrame::new(code, reason))
    }

    /// Why a handshake is refused.
    pub(super) fn refusal(&self) -> Refusal {
        let refusal = Refusal::new(Kind::DRAINING, StatusCode::SERVICE_UNAVAILABLE).with_close_frame(self.frame());
        refusal.with_retry_after(self.retry_after).with_message("this server is shutting down")
    }
}
