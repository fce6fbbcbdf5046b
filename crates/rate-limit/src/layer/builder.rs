//! The layer itself: its quotas, and what it makes of its settings.

use std::{fmt, num::NonZeroU32, sync::Arc};

use http::request::Parts;
use portcullis_core::{policy::Policy, refusal::Refusal};
use portcullis_quota::{ByteQuota, Quota};
use tower_layer::Layer;

use crate::{account::Account, policy::Limiter, service::MessageRateService, settings::Settings, shared::Shared};

/// Limits what clients send. The [crate's page](crate) lists what is counted, and the defaults.
///
/// Clones of the layer, and the services that they create, share the quotas of keys.
///
/// ```
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::Handshake;
/// use portcullis_rate_limit::MessageRateLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = Router::new().route("/ws", any(handler)).layer(MessageRateLayer::per_second(5).burst(10));
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// for number in 0..20 {
///     client.send_text(format!("message {number}")).await?;
/// }
/// assert_eq!(client.closed().await.unwrap().code().unwrap(), 1008);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct MessageRateLayer {
    pub(super) settings: Settings,
    shared: Arc<Shared>,
}

impl MessageRateLayer {
    /// Allows `messages` per second on average, in bursts of the same size.
    ///
    /// # Panics
    ///
    /// If `messages` is zero.
    #[track_caller]
    pub fn per_second(messages: u32) -> Self {
        Self::new(Quota::per_second(count(messages)))
    }

    /// Creates a layer with a quota of messages.
    pub fn new(quota: impl Into<Quota>) -> Self {
        let control = Quota::per_second(count(10)).allow_burst(count(30));
        Self::with(Some(quota.into()), None, Some(control))
    }

    /// Creates a layer with a quota of bytes only. It counts the payload of all frames.
    pub fn bytes(quota: ByteQuota) -> Self {
        Self::with(None, Some(quota), None)
    }

    fn with(messages: Option<Quota>, bytes: Option<ByteQuota>, control: Option<Quota>) -> Self {
        let settings = Settings::new(messages, bytes, control);
        Self { shared: Arc::new(Shared::new(&settings)), settings }
    }

    /// Sets the size of a burst, in messages.
    ///
    /// The rate stays as it is: a burst of 4 at 2 per second is there again after 2 s.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let echo = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| {
    /// #         while let Some(Ok(message)) = socket.recv().await {
    /// #             let _closed = socket.send(message).await;
    /// #         }
    /// #     })
    /// # });
    /// let app = Router::new().route("/ws", echo).layer(MessageRateLayer::per_second(2).burst(4));
    /// let mut client = Handshake::new("/ws").connect(app).await?;
    /// for number in 0..9 {
    ///     if number == 4 {
    ///         tokio::time::sleep(std::time::Duration::from_secs(2)).await; // takes no time: the clock is paused
    ///     }
    ///     client.send_text(number.to_string()).await?;
    /// }
    /// for number in 0..8 {
    ///     assert_eq!(client.next().await, Some(Message::Text(number.to_string())), "admitted, and answered");
    /// }
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1008 message rate exceeded");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `messages` is zero, or if the layer was created with [`bytes`](Self::bytes) and has no quota of messages.
    #[track_caller]
    pub fn burst(self, messages: u32) -> Self {
        let burst = count(messages);
        assert!(self.settings.messages.is_some(), "a limit of bytes has no burst of messages");
        self.set(|settings| settings.messages = settings.messages.map(|quota| quota.allow_burst(burst)))
    }

    /// Adds a quota of bytes to that of messages.
    ///
    /// A frame that is larger than the burst of bytes could never be admitted:
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::{ByteQuota, MessageRateLayer};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = MessageRateLayer::per_second(100).byte_quota(ByteQuota::per_second(1024));
    /// let app = Router::new().route("/ws", handler).layer(layer);
    /// for (sizes, code) in [(&[600, 600][..], 1008), (&[1025], 1009)] {
    ///     let mut client = Handshake::new("/ws").connect(app.clone()).await?;
    ///     for size in sizes {
    ///         client.send_binary(vec![0; *size]).await?;
    ///     }
    ///     assert_eq!(client.closed().await.unwrap().code().unwrap(), code);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn byte_quota(self, quota: ByteQuota) -> Self {
        self.set(|settings| settings.bytes = Some(quota))
    }

    /// Sets the quota of pings and pongs.
    ///
    /// By default 10 a second, in bursts of 30. WebSocket libraries answer each ping, so that a client that sends
    /// nothing else makes the server work; its handler does not see any of it.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let app = Router::new().route("/ws", handler).layer(MessageRateLayer::per_second(1000));
    /// let mut client = Handshake::new("/ws").connect(app).await?;
    /// for _ in 0..31 {
    ///     client.send_ping("").await?;
    /// }
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1008 control frame rate exceeded");
    /// # Ok(()) }
    /// ```
    pub fn control_quota(self, quota: impl Into<Quota>) -> Self {
        self.set(|settings| settings.control = Some(quota.into()))
    }

    /// Sets the quota of continuation frames. By default 64 times that of messages, including the burst.
    ///
    /// A message in a thousand fragments costs its handler's library as much work as many messages:
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::{MessageRateLayer, Quota};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = MessageRateLayer::per_second(10).continuation_quota(Quota::per_second(3.try_into()?));
    /// let app = Router::new().route("/ws", handler).layer(layer);
    /// let mut client = Handshake::new("/ws").connect(app).await?;
    /// client.send_frame(0x01, "one message, ").await?; // text, without FIN
    /// for _ in 0..4 {
    ///     client.send_frame(0x00, "and on, ").await?; // the fourth continuation is one too many
    /// }
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1008 fragment rate exceeded");
    /// # Ok(()) }
    /// ```
    pub fn continuation_quota(self, quota: impl Into<Quota>) -> Self {
        self.set(|settings| settings.continuations = Some(quota.into()))
    }

    /// Sets how many empty continuation frames a message may have; zero forbids them. A message with more closes the
    /// connection, whatever [`on_excess`](Self::on_excess) is.
    ///
    /// Sixteen thousand empty fragments are 96 KiB on the wire, one message for a limiter in the handler, and none of
    /// its bytes count:
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = MessageRateLayer::per_second(10).max_empty_continuations(2);
    /// let app = Router::new().route("/ws", handler).layer(layer);
    /// let mut client = Handshake::new("/ws").connect(app).await?;
    /// client.send_frame(0x01, "fragments, ").await?; // text, without FIN
    /// for part in ["", "", "two of them empty, ", ""] {
    ///     client.send_frame(0x00, part).await?; // the last one is one too many
    /// }
    /// assert_eq!(client.closed().await.unwrap().code().unwrap(), 1008);
    /// # Ok(()) }
    /// ```
    pub fn max_empty_continuations(self, frames: u32) -> Self {
        self.set(|settings| settings.enforcement.empty = frames)
    }

    /// Returns the quota of messages.
    pub fn quota(&self) -> Option<Quota> {
        self.settings.messages
    }

    /// Settings are judged together, when they are all there.
    #[track_caller]
    fn assert_consistent(&self) {
        if let Some(contradiction) = self.settings.contradiction() {
            panic!("{contradiction}");
        }
    }

    /// Starts shared state anew, because layers are configured before they are used.
    pub(super) fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.shared = Arc::new(Shared::new(&self.settings));
        self
    }

    /// Creates the policy of one connection, for applications that guard a transport of their own (`GuardedIo::new`).
    ///
    /// # Errors
    ///
    /// A wiring error if the owner of the quota cannot be determined from the request; 403 if a subject is required.
    ///
    /// # Panics
    ///
    /// If the settings contradict each other: see [`shared`](Self::shared).
    #[track_caller]
    pub fn policy(&self, parts: &Parts) -> Result<Box<dyn Policy>, Refusal> {
        self.assert_consistent();
        let owner = self.shared.owner(&self.shared.owned(parts)?);
        Ok(Box::new(Limiter::new(Arc::new(Account::new(self.shared.clone(), owner)))))
    }

    #[cfg(test)]
    pub(crate) fn shared_state(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

#[track_caller]
pub(super) fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

impl fmt::Debug for MessageRateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRateLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for MessageRateLayer {
    type Service = MessageRateService<S>;

    #[track_caller]
    fn layer(&self, inner: S) -> Self::Service {
        self.assert_consistent();
        MessageRateService::new(inner, self.shared.clone())
    }
}
