//! What is done about a frame that exceeds a quota: the caller's choice, and the settings that go with it.

use std::time::Duration;

use portcullis_core::{CloseCode, CloseFrame};

/// What happens to what exceeds a quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Excess {
    /// The connection is closed.
    #[default]
    Close,
    /// It waits, and nothing behind it is read: TCP tells the client to slow down.
    Delay,
    /// The message, with all of its fragments, or the control frame is dropped. A continuation frame, and any message on
    /// a connection that compresses, closes with 1008 instead.
    Drop,
}

/// How quotas are enforced.
#[derive(Debug, Clone)]
pub(crate) struct Enforcement {
    pub(crate) excess: Excess,
    pub(crate) close: Option<CloseFrame>,
    pub(crate) max_delay: Duration,
    /// So many are delayed or dropped in so long a time; then the connection is closed.
    pub(crate) patience: Option<(u32, Duration)>,
    pub(crate) empty: u32,
    pub(crate) report_only: bool,
}

impl Enforcement {
    /// What a connection is closed with for this reason.
    pub(crate) fn close_frame(&self, reason: &'static str) -> CloseFrame {
        let own = || CloseFrame::new(CloseCode::POLICY_VIOLATION, reason);
        self.close.clone().unwrap_or_else(own)
    }
}

impl Default for Enforcement {
    fn default() -> Self {
        Self {
            excess: Excess::default(),
            close: None,
            max_delay: Duration::from_secs(30),
            patience: None,
            empty: 32,
            report_only: false,
        }
    }
}
