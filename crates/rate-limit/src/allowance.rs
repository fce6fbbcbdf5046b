//! The handler's view of its connection's quota: charge, query and change it.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseFrame, IntoClose,
    clock::now,
    observe::{Describe, Description},
};
use portcullis_quota::{ByteQuota, Meter, Quota};

use crate::{
    account::Account,
    cells::{Demand, Kind, Over},
    settings::continuations,
};

/// The quota of a connection, for its handler. It is in the request's extensions, and an extractor for axum (feature
/// `axum`). If several layers limit messages, a charge counts against all of them.
///
/// ```
/// # use axum::{Extension, Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// # use portcullis_core::testing::{Handshake, Message};
/// use portcullis_core::Connection;
/// use portcullis_rate_limit::{Allowance, MessageRateLayer};
///
/// /// A search costs as much as ten messages: itself, and nine more.
/// async fn handler(
///     upgrade: WebSocketUpgrade,
///     Extension(allowance): Extension<Allowance>,
///     Extension(connection): Extension<Connection>,
/// ) -> Response {
///     upgrade.on_upgrade(connection.supervise(async move |mut socket: axum::extract::ws::WebSocket| {
///         while let Some(Ok(message)) = socket.recv().await {
///             if message.to_text().is_ok_and(|text| text == "search") {
///                 allowance.charge(9)?; // an error closes with 1008
///             }
///             let _closed = socket.send(message).await;
///         }
///         Ok::<_, portcullis_rate_limit::Exceeded>(())
///     }))
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = Router::new().route("/ws", any(handler)).layer(MessageRateLayer::per_second(1).burst(15));
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// for text in ["search", "hello", "search"] {
///     client.send_text(text).await?;
/// }
/// assert_eq!(client.next().await, Some(Message::Text("search".into())));
/// assert_eq!(client.next().await, Some(Message::Text("hello".into())));
/// assert_eq!(client.closed().await.unwrap().to_string(), "1008 message rate exceeded");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Allowance {
    account: Arc<Account>,
    outer: Option<Arc<Allowance>>,
}

/// The error for a charge that exceeds the quota. It converts into a close with 1008 or with the layer's close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// How long to wait before trying again; `None` if the charge would never be allowed.
    pub retry_after: Option<Duration>,
    close: CloseFrame,
}

impl Allowance {
    pub(crate) fn new(account: Arc<Account>, outer: Option<Allowance>) -> Self {
        Self { account, outer: outer.map(Arc::new) }
    }

    /// Charges `messages` in addition to the message itself, for one that is expensive. All or nothing.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if the quota does not allow it. Nothing is charged then, by any layer.
    pub fn charge(&self, messages: u32) -> Result<(), Exceeded> {
        let mut demand = Demand::default();
        demand[Kind::Messages] = messages.into();
        let now = now();
        let charged = match self.account.charge(demand, now) {
            Ok(charge) => Some(charge),
            Err(over) => {
                self.account.violated();
                if !self.account.enforcement().report_only {
                    return Err(self.exceeded(over, now));
                }
                None
            }
        };
        let Some(outer) = &self.outer else { return Ok(()) };
        // Until an outer layer has answered, others find less of this one's quota than there is: never more.
        outer.charge(messages).inspect_err(|_| charged.iter().for_each(|charge| self.account.undo(charge)))
    }

    fn exceeded(&self, over: Over, now: Instant) -> Exceeded {
        let wait = self.account.instant(over.ready, now).saturating_duration_since(now);
        let close = self.account.enforcement().close_frame("message rate exceeded");
        Exceeded { retry_after: (!over.never).then_some(wait), close }
    }

    /// Returns how many messages could be sent now, or `None` if they are not limited.
    pub fn remaining(&self) -> Option<u64> {
        // Each account is asked under its own lock, one after the other: two layers that were locked together could
        // wait for each other in the opposite order.
        let ours = self.account.remaining(now());
        let theirs = self.outer.as_ref().and_then(|outer| outer.remaining());
        ours.into_iter().chain(theirs).min()
    }

    /// Returns how long it takes until `messages` could be sent, or `None` if they never could.
    pub fn wait_for(&self, messages: u32) -> Option<Duration> {
        let now = now();
        let ours = self.account.ready(messages.into(), now)?.saturating_duration_since(now);
        match &self.outer {
            Some(outer) => outer.wait_for(messages).map(|theirs| ours.max(theirs)),
            None => Some(ours),
        }
    }

    /// Changes the quota of messages of this connection, and that of continuation frames to 64 times as many.
    ///
    /// If the quota is shared, it stays the same for other connections. If several layers limit messages, that of the
    /// innermost is changed.
    ///
    /// ```
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::{Allowance, MessageRateLayer, Quota};
    /// # use axum::{Extension, Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (report, reported) = std::sync::mpsc::channel();
    /// let handler = any(async move |upgrade: WebSocketUpgrade, Extension(allowance): Extension<Allowance>| {
    ///     assert_eq!(allowance.remaining(), Some(2));
    ///     assert!(allowance.charge(3).is_err(), "all or nothing");
    ///     assert_eq!(allowance.remaining(), Some(2));
    ///     assert_eq!(allowance.wait_for(3), None, "never: the burst is two");
    ///
    ///     // This user has paid for more.
    ///     allowance.set_quota(Quota::per_second(20.try_into().unwrap()));
    ///     assert!(allowance.charge(3).is_ok());
    ///     assert_eq!(allowance.violations(), 1);
    ///     # report.send(()).unwrap();
    ///     upgrade.on_upgrade(async |_socket| {})
    /// });
    /// let app = Router::new().route("/ws", handler).layer(MessageRateLayer::per_second(2));
    /// Handshake::new("/ws").connect(app).await?;
    /// # reported.try_recv()?;
    /// # Ok(()) }
    /// ```
    pub fn set_quota(&self, quota: impl Into<Quota>) {
        let quota = quota.into();
        self.account.change(|meters| {
            meters.0[Kind::Messages] = Some(Meter::from(quota));
            meters.0[Kind::Continuations] = Some(Meter::from(continuations(quota)));
        });
    }

    /// Changes the quota of bytes of this connection.
    pub fn set_byte_quota(&self, quota: ByteQuota) {
        self.account.change(|meters| meters.0[Kind::Bytes] = Some(Meter::from(quota)));
    }

    /// Returns how often this connection has exceeded a quota so far, whatever the consequence was.
    pub fn violations(&self) -> u64 {
        self.account.violations() + self.outer.as_ref().map_or(0, |outer| outer.violations())
    }
}

impl fmt::Debug for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowance").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// For an operator: what is left of the quota, and how often it was exceeded.
impl Describe for Allowance {
    fn describe(&self, description: &mut Description) {
        description.quota(self.remaining(), self.violations());
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_after {
            Some(wait) => write!(f, "rate exceeded: allowed in {wait:?}"),
            None => f.write_str("rate exceeded: more than is ever allowed at once"),
        }
    }
}

impl Error for Exceeded {}

impl IntoClose for Exceeded {
    fn into_close(self) -> CloseFrame {
        self.close
    }
}

#[cfg(feature = "axum")]
mod extract {
    use axum_core::extract::FromRequestParts;
    use http::request::Parts;
    use portcullis_core::refusal::Refusal;

    use super::Allowance;

    /// Rejected with 500 if no `MessageRateLayer` is outside of the handler, and with 400 if the request is not a
    /// handshake.
    impl<S: Sync> FromRequestParts<S> for Allowance {
        type Rejection = Refusal;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
            let missing = "`Allowance` was extracted where no `MessageRateLayer` stands outside of the handler";
            parts.extensions.get().cloned().ok_or_else(|| Refusal::missing_extension(parts, missing))
        }
    }
}
