//! The settings of a guarded connection: framing rules, the grace of its handler, and the closing handshake's limits.
//!
//! Several layers may guard one connection. The settings are those of the outermost layer that has some, because it is
//! reached first, and they cannot change while the connection lives.
//!
//! # How the times fit together
//!
//! A close is decided at time zero. With the defaults, and a handler that goes on writing:
//!
//! | After | What happens |
//! | --- | --- |
//! | 0 | Nothing more is delivered to the handler. What it writes still goes out. |
//! | 50 ms without a write | [`quiet`](Settings::quiet): the connection is taken from the handler, and the close frame is sent. |
//! | 750 ms | Three quarters of the [`grace`](Settings::grace): the handler may finish the frame it is in, and begin no other. |
//! | 1 s | The end of the grace: the connection is taken in any case. In the middle of a frame no close frame can follow, so the client sees the end of the stream ([`Ended::cut_short`](crate::Ended::cut_short)). |
//! | up to 5 s later | [`Closing::timeout`]: the transport is dropped, whether or not the client has answered. |
//!
//! The clock of the quiet time starts anew at each write; the grace does not. A handler that sends a close frame of its
//! own, or drops its socket, ends the grace at once. If the process stood still meanwhile, the handler still gets the
//! last quarter, a second at most, for the frame it is in.

use std::time::Duration;

/// The settings of a guarded connection. If several layers have settings, those of the outermost apply.
///
/// # Defaults
///
/// Framing rules are enforced. A connection that closes is taken from its handler after 50 ms without output, and after
/// 1 s at the latest. Closing handshakes have the limits of [`Closing`]. Upgrades to protocols other than WebSocket are
/// prevented.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::settings::{Closing, Framing, Settings};
///
/// let settings = Settings::new()
///     .framing(Framing::ReportOnly)
///     .quiet(Duration::from_millis(200))
///     .grace(Duration::from_secs(5))
///     .closing(Closing::new().timeout(Duration::from_secs(10)))
///     .allow_other_upgrades();
/// assert_ne!(settings, Settings::default());
/// ```
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
    /// Creates settings with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what happens to frames that break the framing rules of RFC 6455. Enforced by default.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use portcullis_core::{GuardedIo, testing::Client};
    /// # use tokio::io::{AsyncReadExt, duplex};
    /// use portcullis_core::settings::{Framing, Settings};
    ///
    /// let rows = [(Framing::Enforce, "1002 reserved opcode", 0), (Framing::ReportOnly, "no code", 1)];
    /// for (framing, close, violations) in rows {
    ///     let (ours, theirs) = duplex(1024);
    ///     let (mut handler, connection) = GuardedIo::new(theirs, &Settings::new().framing(framing), Vec::new());
    ///     let mut client = Client::new(ours);
    ///     client.send_frame(0x83, "?").await.unwrap(); // opcode 3 (RFC 6455, section 5.2)
    ///     // A handler that reads the seven bytes of the frame, or waits for them in vain, and then leaves.
    ///     let mut frame = [0; 7];
    ///     let reading = handler.read_exact(&mut frame);
    ///     let _ = tokio::time::timeout(std::time::Duration::from_secs(1), reading).await;
    ///     assert_eq!(connection.counters().violations, violations);
    ///     drop(handler);
    ///     assert_eq!(client.closed().await.unwrap().to_string(), close);
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    /// Sets how long a handler must have sent nothing before a connection that closes is taken from it. 50 ms by
    /// default.
    pub fn quiet(self, time: Duration) -> Self {
        Self { quiet: time, ..self }
    }

    /// Sets how long a handler may go on sending once a close was decided. 1 s by default.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use portcullis_core::{CloseCode, CloseFrame, GuardedIo, testing::Client};
    /// # use tokio::{io::{AsyncWriteExt, duplex}, time::{Instant, sleep}};
    /// use std::time::Duration;
    /// use portcullis_core::settings::Settings;
    ///
    /// let settings = Settings::new().grace(Duration::from_secs(4));
    /// let (ours, theirs) = duplex(1024);
    /// let (mut handler, connection) = GuardedIo::new(theirs, &settings, Vec::new());
    /// let mut client = Client::new(ours);
    /// tokio::spawn(async move {
    ///     // A handler that never reads, and so does not notice the close.
    ///     while handler.write_all(b"\x81\x02hi").await.is_ok() {
    ///         sleep(Duration::from_millis(10)).await;
    ///     }
    /// });
    /// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
    /// let decided = Instant::now();
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1001");
    /// // At three quarters it must not begin another message, and it is between two.
    /// assert_eq!(decided.elapsed().as_secs(), 3);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn grace(self, time: Duration) -> Self {
        Self { grace: time, ..self }
    }

    /// Sets the limits of the closing handshake.
    pub fn closing(self, closing: Closing) -> Self {
        Self { closing, ..self }
    }

    /// Allows requests that are not WebSocket handshakes to be upgraded to other protocols, unguarded.
    pub fn allow_other_upgrades(self) -> Self {
        Self { other_upgrades: true, ..self }
    }
}

impl Settings {
    /// What holds where no layer says otherwise.
    pub(crate) const DEFAULT: Self = Self {
        framing: Framing::Enforce,
        quiet: Duration::from_millis(50),
        grace: Duration::from_secs(1),
        closing: Closing::DEFAULT,
        other_upgrades: false,
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What happens to frames that break the framing rules of RFC 6455.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// The connection is closed with 1002 and a reason that names the rule.
    #[default]
    Enforce,
    /// They are counted and passed on, to find out whether enforcing would break clients.
    ReportOnly,
}

/// The limits of closing handshakes.
///
/// # Defaults
///
/// 5 s and 8 MiB for each, and 10,000 at a time in the process.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::{GuardLayer, settings::Closing};
///
/// // For clients in trains, and a process with little memory.
/// let closing = Closing::new().timeout(Duration::from_secs(15)).max_bytes(64 * 1024).max_concurrent(500);
/// let layer = GuardLayer::new().closing(closing);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Closing {
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: u64,
    pub(crate) max_concurrent: usize,
}

impl Closing {
    /// Creates limits with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the peer may take. 5 s by default.
    pub fn timeout(self, time: Duration) -> Self {
        Self { timeout: time, ..self }
    }

    /// Sets how many bytes the peer may still send. 8 MiB by default.
    ///
    /// This bounds what one client can make the server read, and throw away, after a close was decided. Reading is
    /// necessary all the same: a kernel that closes a socket with unread input resets the connection, and the close
    /// frame may be lost on its way.
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Sets how many closing handshakes may be under way at a time in this process, 10,000 by default. If there are
    /// more, a socket is dropped once as much as fits into its send buffer was written.
    pub fn max_concurrent(self, handshakes: usize) -> Self {
        Self { max_concurrent: handshakes, ..self }
    }
}

impl Closing {
    const DEFAULT: Self = Self { timeout: Duration::from_secs(5), max_bytes: 8 * 1024 * 1024, max_concurrent: 10_000 };
}

impl Default for Closing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How long a handler may go on sending once a close was decided, for a single close. Passed to
/// [`Connection::close_with`](crate::Connection::close_with). Times longer than 30 days count as 30 days.
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
    /// The connection's own grace applies if it is longer.
    pub(crate) at_least: bool,
}

impl Grace {
    /// Gives the handler `time` instead of the connection's own grace. With [`Duration::ZERO`] the connection is taken
    /// from the handler at once.
    pub const fn within(time: Duration) -> Self {
        Self { time, quiet: Duration::ZERO, at_least: false }
    }

    /// Gives the handler `time`, or the connection's own grace if that is longer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_core::settings::Grace;
    ///
    /// // A drain gives each handler half a minute, and does not shorten what a `GuardLayer` gives it.
    /// let drain = Grace::at_least(Duration::from_secs(30));
    /// // An administrator's kick does not wait at all.
    /// let kick = Grace::within(Duration::ZERO);
    /// assert_ne!(drain, kick);
    /// ```
    pub const fn at_least(time: Duration) -> Self {
        Self { time, quiet: Duration::ZERO, at_least: true }
    }

    /// Sets how long the handler must have sent nothing before the connection is taken from it early. Has an effect
    /// only if it is longer than the connection's own.
    pub const fn quiet(self, time: Duration) -> Self {
        Self { quiet: time, ..self }
    }
}
