//! What happens to a frame that exceeds a quota, and the settings for it.
//!
//! To close is the default, because it is the only way that costs the server nothing more. To delay slows down a client
//! that means well; to drop suits messages of which only the latest counts.

use std::time::Duration;

use portcullis_core::{CloseCode, CloseFrame};

/// What happens to a frame that exceeds a quota.
///
/// ```
/// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
/// # use portcullis_core::testing::{Handshake, Message};
/// # use portcullis_rate_limit::{Excess, MessageRateLayer};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let echo = any(async |upgrade: WebSocketUpgrade| {
/// #     upgrade.on_upgrade(async |mut socket| {
/// #         while let Some(Ok(message)) = socket.recv().await {
/// #             let _closed = socket.send(message).await;
/// #         }
/// #     })
/// # });
/// // Four messages at once, where two a second are allowed: which are answered, and how long it takes.
/// for (excess, answered, seconds) in [(Excess::Close, "01", 0), (Excess::Delay, "0123", 1), (Excess::Drop, "01", 0)] {
///     let app = Router::new().route("/ws", echo.clone()).layer(MessageRateLayer::per_second(2).on_excess(excess));
///     let mut client = Handshake::new("/ws").connect(app).await?;
///     let began = tokio::time::Instant::now();
///     for number in 0..4 {
///         client.send_text(number.to_string()).await?;
///     }
///     let mut texts = String::new();
///     while texts != answered {
///         let Some(Message::Text(text)) = client.next().await else { panic!("{texts} of {answered}") };
///         texts += &text;
///     }
///     assert_eq!(began.elapsed().as_secs(), seconds, "{excess:?}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// The connection is closed.
    #[default]
    Close,
    /// It waits until the quota allows it, and so does everything behind it.
    ///
    /// Over HTTP/1 nothing behind it is read: TCP slows the client down, and nothing is lost. Over HTTP/2 that would
    /// hold up the other streams of the same connection, which may be other users' behind a proxy: a client's streams
    /// share one window (RFC 9113, section 5.2.1). There up to 16 KiB are read on and held back, the message that waits
    /// included, and a client that sends more meanwhile is closed with 1008. Choose this for HTTP/2 only where clients
    /// wait for answers, and send messages of a few kilobytes.
    Delay,
    /// The message, with all of its fragments, or the control frame is dropped. A continuation frame, and any message
    /// on a connection that compresses, closes with 1008 instead.
    Drop,
}

/// How quotas are enforced.
#[derive(Debug, Clone)]
pub(crate) struct Enforcement {
    pub(crate) excess: Excess,
    pub(crate) close: Option<CloseFrame>,
    pub(crate) max_delay: Duration,
    /// How many violations within what time are tolerated before the connection is closed.
    pub(crate) patience: Option<(u32, Duration)>,
    pub(crate) empty: u32,
    pub(crate) report_only: bool,
}

impl Enforcement {
    /// Returns the close frame for a reason.
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
