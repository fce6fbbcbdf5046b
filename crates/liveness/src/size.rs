//! Limits a message: its bytes, its fragments, and the time it takes to arrive.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS};
use portcullis_core::{
    CloseCode, CloseFrame,
    frame::FrameHeader,
    policy::{Action, Activity, Batch, BatchVerdict, Policy, Verdict},
};

use crate::{
    service::{Watch, layer, reported},
    time::{Deferral, later},
};

/// Limits a message: its bytes, its fragments, and the time from its first byte to its last.
///
/// Fourteen bytes can declare a message of an exabyte, for which a library may allocate memory. A message that is not
/// declared as large can be sent in small fragments that the library collects. A message that is sent one byte a minute
/// occupies its memory for a day.
///
/// - The length of a frame is checked when its header arrives, before any of its payload is delivered. The lengths of
///   fragments are added up.
/// - A message must be complete in time. Time during which the handler did not read what had arrived does not count.
/// - permessage-deflate is removed from the handshake, because 64 KiB on the wire can be 64 MiB in the handler. Call
///   [`allow_compression`](Self::allow_compression) if the library limits the inflated size.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// One fragment for each 64 bytes of the limit, but at least 4,096; 30 s for a message. Closes with 1009 and the limit
/// in the reason.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::{CloseCode, testing::Handshake};
/// use portcullis_liveness::MessageSizeLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = MessageSizeLayer::new(1024).max_fragments(16).timeout(Duration::from_secs(5));
/// let app = Router::new().route("/ws", any(handler)).layer(layer);
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// client.send_text("x".repeat(1024)).await?;
/// client.send_text("x".repeat(1025)).await?;
/// assert_eq!(client.closed().await.unwrap().code(), Some(CloseCode::MESSAGE_TOO_BIG));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MessageSizeLayer {
    bytes: u64,
    /// As set; by default the size decides.
    max_fragments: Option<u32>,
    timeout: Duration,
    compression: bool,
    report_only: bool,
}

impl MessageSizeLayer {
    /// Allows messages of at most `bytes` of payload, measured on the wire.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn new(bytes: usize) -> Self {
        assert!(bytes > 0, "a message may have one byte at least");
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { bytes, max_fragments: None, timeout: Duration::from_secs(30), compression: false, report_only: false }
    }

    /// Sets the maximum number of fragments of a message; one forbids fragmentation. By default one for each 64 bytes
    /// of the size limit, but at least 4,096.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_liveness::MessageSizeLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// const TEXT: u8 = 0x01; // without FIN: more fragments follow
    /// const CONTINUATION: u8 = 0x00;
    /// const LAST: u8 = 0x80; // FIN
    ///
    /// let layer = MessageSizeLayer::new(1024).max_fragments(2);
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// client.send_frame(TEXT, "two ").await?;
    /// client.send_ping("a control frame is no fragment").await?;
    /// client.send_frame(CONTINUATION | LAST, "fragments").await?;
    ///
    /// client.send_frame(TEXT, "").await?;
    /// client.send_frame(CONTINUATION, "").await?;
    /// client.send_frame(CONTINUATION | LAST, "an empty fragment is one as well").await?;
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1009 message in more than 2 fragments");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `fragments` is zero.
    #[track_caller]
    pub fn max_fragments(self, fragments: u32) -> Self {
        assert!(fragments > 0, "a message has one fragment at least");
        Self { max_fragments: Some(fragments), ..self }
    }

    /// Sets the longest time from the first byte of a message to its last, 30 s by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_liveness::MessageSizeLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = MessageSizeLayer::new(1024).timeout(Duration::from_secs(5));
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// tokio::time::sleep(Duration::from_secs(60)).await; // between messages: that is for `IdleTimeoutLayer`
    /// client.send_text("whole").await?;
    /// client.send_frame(0x01, "the first fragment of two").await?;
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1009 message not finished within 5s");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is shorter than a millisecond.
    #[track_caller]
    pub fn timeout(self, time: Duration) -> Self {
        assert!(time >= Duration::from_millis(1), "a message must have a millisecond at least");
        Self { timeout: time, ..self }
    }

    /// Allows client and handler to negotiate compression. The limit then applies to the compressed size.
    ///
    /// ```
    /// # use axum::{Router, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS};
    /// use portcullis_liveness::MessageSizeLayer;
    ///
    /// // A handler that says whether the client offers compression, instead of upgrading.
    /// let handler = any(async |headers: HeaderMap| headers.contains_key(SEC_WEBSOCKET_EXTENSIONS).to_string());
    /// let offered = async |layer: MessageSizeLayer| {
    ///     let handshake = Handshake::new("/ws").header(SEC_WEBSOCKET_EXTENSIONS, "permessage-deflate");
    ///     let app = Router::new().route("/ws", handler.clone()).layer(layer);
    ///     handshake.connect(app).await.unwrap_err().text().into_owned()
    /// };
    /// let layer = MessageSizeLayer::new(64 * 1024);
    /// assert_eq!(offered(layer.clone()).await, "false");
    /// assert_eq!(offered(layer.allow_compression()).await, "true");
    /// # }
    /// ```
    pub fn allow_compression(self) -> Self {
        Self { compression: true, ..self }
    }

    /// Closes nothing, but counts and logs, once for each connection, that it would be closed (features `metrics` and
    /// `tracing`).
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }

    fn fragment_limit(&self) -> u32 {
        let by_size = u32::try_from(self.bytes / BYTES_A_FRAGMENT).unwrap_or(u32::MAX);
        self.max_fragments.unwrap_or_else(|| by_size.max(LEAST_FRAGMENTS))
    }
}

/// A message at the size limit may be sent in fragments as small as this,
const BYTES_A_FRAGMENT: u64 = 64;

/// and a smaller message in at least as many.
const LEAST_FRAGMENTS: u32 = 4096;

layer!(MessageSizeLayer);

impl Watch for MessageSizeLayer {
    fn prepare(&self, headers: &mut HeaderMap) {
        if !self.compression && !self.report_only {
            headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        }
    }

    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        reported(MessageSize { limits: self.clone(), open: None, deferral: Deferral::default() }, self.report_only)
    }
}

/// What is there of a message whose last fragment is to come.
#[derive(Clone, Copy)]
struct Open {
    bytes: u64,
    fragments: NonZeroU32,
}

struct MessageSize {
    limits: Arc<MessageSizeLayer>,
    open: Option<Open>,
    deferral: Deferral,
}

impl MessageSize {
    fn too_big(&self, message: Open) -> Option<CloseFrame> {
        let Self { limits, .. } = self;
        let reason = match message {
            Open { bytes, .. } if bytes > limits.bytes => format!("message over {} bytes", limits.bytes),
            Open { fragments, .. } if fragments.get() > limits.fragment_limit() => {
                format!("message in more than {} fragments", limits.fragment_limit())
            }
            _ => return None,
        };
        Some(CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, reason))
    }
}

impl Policy for MessageSize {
    fn name(&self) -> &'static str {
        "message_size"
    }

    fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
        let whole = self.open.is_none() && batch.unfinished == 0 && batch.continuations.frames == 0;
        if whole && batch.longest <= self.limits.bytes { BatchVerdict::Pass } else { BatchVerdict::OneByOne }
    }

    fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
        if frame.opcode().is_control() {
            return Verdict::Pass;
        }
        let bytes = frame.payload_len();
        let message = match self.open.take().filter(|_| !frame.starts_message()) {
            Some(before) => {
                Open { bytes: before.bytes.saturating_add(bytes), fragments: before.fragments.saturating_add(1) }
            }
            None => Open { bytes, fragments: NonZeroU32::MIN },
        };
        if let Some(frame) = self.too_big(message) {
            return Verdict::Close(frame);
        }
        self.open = (!frame.fin()).then_some(message);
        Verdict::Pass
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        later(activity.unfinished_since?, self.limits.timeout).max(self.deferral.again())
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        if self.deferral.holds_inconclusive(activity.unfinished_since, activity, now) {
            return Action::None;
        }
        let reason = format!("message not finished within {:?}", self.limits.timeout);
        Action::Close(CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_the_size_says_how_many_fragments_there_may_be() {
        for (layer, most) in [
            (MessageSizeLayer::new(1), 4096),
            (MessageSizeLayer::new(64 * 1024), 4096),
            (MessageSizeLayer::new(256 * 1024), 4096),
            (MessageSizeLayer::new(256 * 1024 + 64), 4097),
            (MessageSizeLayer::new(64 * 1024 * 1024), 1024 * 1024),
            (MessageSizeLayer::new(usize::MAX), u32::MAX),
            (MessageSizeLayer::new(64 * 1024 * 1024).max_fragments(16), 16),
            (MessageSizeLayer::new(1000).max_fragments(100_000).timeout(Duration::from_millis(1)), 100_000),
        ] {
            assert_eq!(layer.fragment_limit(), most, "{layer:?}");
        }
    }

    #[test]
    fn a_message_within_a_large_limit_may_come_in_small_frames() {
        let layer = Arc::new(MessageSizeLayer::new(64 * 1024 * 1024));
        let mut policy = layer.policy();
        let fragment = |first| FrameHeader::parse(&[first, 0x80 | 64, 0, 0, 0, 0]).unwrap();
        for (number, first) in std::iter::once(0x02).chain(std::iter::repeat_n(0x00, 65_535)).enumerate() {
            let verdict = policy.on_frame(&fragment(first), Instant::now());
            assert!(matches!(verdict, Verdict::Pass), "fragment {number}: {verdict:?}");
        }
    }
}
