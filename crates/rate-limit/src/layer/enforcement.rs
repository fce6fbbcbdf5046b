//! What happens to a message that exceeds a quota.

use std::time::Duration;

use portcullis_core::CloseFrame;

use super::MessageRateLayer;
use crate::excess::Excess;

impl MessageRateLayer {
    /// Sets what happens to a frame that exceeds a quota. It closes the connection by default.
    pub fn on_excess(self, excess: Excess) -> Self {
        self.set(|settings| settings.enforcement.excess = excess)
    }

    /// Sets how long a frame may be delayed, 30 s by default. One that would have to wait longer closes the connection;
    /// with zero, each one that would have to wait does.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::{CloseFrame, testing::Handshake};
    /// # use portcullis_rate_limit::{Excess, MessageRateLayer};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use std::time::Duration;
    ///
    /// // How the connection ends for a client that sends two messages at once, of one a second, and then leaves.
    /// let layer = MessageRateLayer::per_second(1).on_excess(Excess::Delay);
    /// for (layer, code) in [(layer.clone(), None), (layer.max_delay(Duration::from_millis(500)), Some(1008))] {
    ///     let app = Router::new().route("/ws", handler.clone()).layer(layer);
    ///     let mut client = Handshake::new("/ws").connect(app).await?;
    ///     client.send_text("one").await?;
    ///     client.send_text("two").await?; // would have to wait for a second
    ///     client.send_close(&CloseFrame::empty()).await?;
    ///     assert_eq!(client.closed().await.unwrap().code().map(|code| code.as_u16()), code);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn max_delay(self, time: Duration) -> Self {
        self.set(|settings| settings.enforcement.max_delay = time)
    }

    /// Closes the connection after more than `violations` within `time`, where excess is delayed or dropped.
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
    /// use std::time::Duration;
    ///
    /// let layer = MessageRateLayer::per_second(2).on_excess(Excess::Drop).close_after(3, Duration::from_secs(60));
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", echo).layer(layer)).await?;
    /// for number in 0..6 {
    ///     client.send_text(number.to_string()).await?;
    /// }
    /// // Two messages, three that are dropped, and one too many.
    /// assert_eq!(client.next().await, Some(Message::Text("0".into())));
    /// assert_eq!(client.next().await, Some(Message::Text("1".into())));
    /// assert_eq!(client.closed().await.unwrap().code().unwrap(), 1008);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn close_after(self, violations: u32, time: Duration) -> Self {
        assert!(!time.is_zero(), "violations are counted in a time, which must not be zero");
        self.set(|settings| settings.enforcement.patience = Some((violations, time)))
    }

    /// Sets the close frame for any excess, instead of 1008 with the name of the quota.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_core::{CloseCode, CloseFrame};
    ///
    /// let layer = MessageRateLayer::per_second(1).close_frame(CloseFrame::new(CloseCode::new(4008)?, "slow down"));
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// client.send_text("one").await?;
    /// client.send_text("two").await?;
    /// assert_eq!(client.closed().await.unwrap().to_string(), "4008 slow down");
    /// # Ok(()) }
    /// ```
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.enforcement.close = Some(frame))
    }

    /// Closes, delays and drops nothing. Violations are counted by
    /// [`Allowance::violations`](crate::Allowance::violations), and by metrics and events.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis_rate_limit::Allowance;
    ///
    /// let (report, reported) = std::sync::mpsc::channel();
    /// let counts = any(async move |upgrade: WebSocketUpgrade, allowance: axum::Extension<Allowance>| {
    ///     upgrade.on_upgrade(async move |mut socket| {
    ///         while let Some(Ok(_)) = socket.recv().await {
    ///             let _ended = report.send(allowance.violations());
    ///         }
    ///     })
    /// });
    /// let app = Router::new().route("/ws", counts).layer(MessageRateLayer::per_second(1).report_only());
    /// let mut client = Handshake::new("/ws").connect(app).await?;
    /// for text in ["one", "two", "three"] {
    ///     client.send_text(text).await?;
    /// }
    /// client.send_close(&portcullis_core::CloseFrame::empty()).await?;
    /// assert_eq!(client.closed().await.unwrap().code(), None, "nothing was enforced");
    /// assert_eq!(reported.try_iter().max(), Some(2));
    /// # Ok(()) }
    /// ```
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.enforcement.report_only = true)
    }
}
