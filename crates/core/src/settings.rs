//! What holds for a guarded connection: framing, patience with a handler, and the bounds of the closing handshake.

use std::time::Duration;

/// What holds for a guarded connection, set by the outermost layer that guards it.
///
/// # Defaults
///
/// Framing rules are enforced. A closing connection is taken from its handler after 50 ms without output, and after 1 s
/// at the latest. Closing handshakes have the bounds of [`Closing`]. Upgrades to anything but WebSocket are prevented.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Settings {
    pub(crate) framing: Framing,
    pub(crate) quiet: Duration,
    pub(crate) grace: Duration,
    pub(crate) closing: Closing,
    pub(crate) other_upgrades: bool,
}

impl Settings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is done about frames that break RFC 6455's framing rules. Enforced by default.
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    /// How long the outbound side must have been quiet before a closing connection is taken from its handler.
    /// 50 ms by default.
    pub fn quiet(self, time: Duration) -> Self {
        Self { quiet: time, ..self }
    }

    /// How long a handler may go on answering after a close was decided. 1 s by default.
    pub fn grace(self, time: Duration) -> Self {
        Self { grace: time, ..self }
    }

    /// The bounds of the closing handshake.
    pub fn closing(self, closing: Closing) -> Self {
        Self { closing, ..self }
    }

    /// Lets requests that are not WebSocket handshakes be upgraded to something else, unguarded.
    pub fn allow_other_upgrades(self) -> Self {
        Self { other_upgrades: true, ..self }
    }
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
///
/// # Defaults
///
/// 5 s and 8 MiB for each, and 10,000 at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Closing {
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: u64,
    pub(crate) max_concurrent: usize,
}

impl Closing {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the peer may take. 5 seconds by default.
    pub fn timeout(self, time: Duration) -> Self {
        Self { timeout: time, ..self }
    }

    /// How many bytes the peer may still send. 8 MiB by default.
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// How many closing handshakes of this process may be under way at once; beyond that a socket is dropped when what
    /// fits was sent. 10,000 by default.
    pub fn max_concurrent(self, handshakes: usize) -> Self {
        Self { max_concurrent: handshakes, ..self }
    }
}

impl Default for Closing {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), max_bytes: 8 * 1024 * 1024, max_concurrent: 10_000 }
    }
}

/// How long a handler may go on answering once a close is decided, for one close: see
/// [`Connection::close_with`](crate::Connection::close_with). Longer than 30 days is 30 days.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::settings::Grace;
///
/// // Three seconds, or as soon as the handler has written nothing for half a second.
/// let grace = Grace::within(Duration::from_secs(3)).quiet(Duration::from_millis(500));
/// # assert_ne!(grace, Grace::at_least(Duration::from_secs(3)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Grace {
    pub(crate) time: Duration,
    pub(crate) quiet: Duration,
    /// The connection's own grace counts where it is longer.
    pub(crate) at_least: bool,
}

impl Grace {
    /// `time` in place of the connection's own grace. With [`Duration::ZERO`] the connection is taken from the handler
    /// at once.
    pub const fn within(time: Duration) -> Self {
        Self { time, quiet: Duration::ZERO, at_least: false }
    }

    /// `time`, or the connection's own grace if that is longer.
    pub const fn at_least(time: Duration) -> Self {
        Self { time, quiet: Duration::ZERO, at_least: true }
    }

    /// How long the handler must have written nothing before the connection is taken from it within this time, if that
    /// is longer than the connection's own.
    pub const fn quiet(self, time: Duration) -> Self {
        Self { quiet: time, ..self }
    }
}
