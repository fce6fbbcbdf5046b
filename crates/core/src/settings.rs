//! What holds for a guarded connection: framing, patience with a handler, and the bounds of the closing handshake.

use std::time::Duration;

/// What holds for a guarded connection, set by the outermost layer that guards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is done about frames that break RFC 6455's framing rules. Enforced by default.
    pub framing: Framing,
    /// How long the outbound side must have been quiet before a closing connection is taken from its handler.
    /// 50 ms by default.
    pub quiet: Duration,
    /// How long a handler may go on answering after a close was decided. 1 s by default.
    pub grace: Duration,
    /// The bounds of the closing handshake.
    pub closing: Closing,
    /// Whether a request that is no WebSocket handshake may be upgraded to something else, unguarded. Not by default.
    pub other_upgrades: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            framing: Framing::default(),
            quiet: Duration::from_millis(50),
            grace: Duration::from_secs(1),
            closing: Closing::default(),
            other_upgrades: false,
        }
    }
}

/// What is done about frames that break RFC 6455's framing rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// The connection is closed with 1002 and a reason that names the rule.
    #[default]
    Enforce,
    /// They are counted and passed on, so that a migration is safe.
    ReportOnly,
}

/// The bounds of closing handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// How long the peer may take. 5 seconds by default.
    pub time: Duration,
    /// How many bytes the peer may still send. 8 MiB by default.
    pub bytes: u64,
    /// How many closing handshakes of this process may be under way at once; beyond that a socket is dropped when what
    /// fits was sent. 10,000 by default.
    pub at_once: usize,
}

impl Default for Closing {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), bytes: 8 * 1024 * 1024, at_once: 10_000 }
    }
}
