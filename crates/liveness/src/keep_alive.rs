//! Pings peers, and closes connections whose peer does not answer.

use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame,
    policy::{Action, Activity, Interest, Policy},
};

use crate::{
    service::{Watch, layer},
    time::{Fraction, later},
};

/// Pings each peer, and closes a connection whose peer does not answer.
///
/// A phone that loses its network sends nothing more, and its socket, with everything held for it, stays open for
/// hours. Proxies in between drop connections on which nothing was sent for a minute.
///
/// - A ping is sent at every interval. The handler does not see its pong, and rate limits do not count it; other pongs
///   are passed on and counted.
/// - Anything that arrives after the ping counts as an answer.
/// - A busy handler does not make its peer look dead: up to 4 KiB of unread input are searched for the answer. If more
///   is waiting, the peer is not judged. Nor is it judged while a rate limit delays its input, while the ping waits
///   behind half a frame that the handler has left, or if the process stood still just before the ping went out, unless
///   the peer has ended its side.
/// - [`Connection::round_trip`](portcullis_core::Connection::round_trip) returns the round-trip time of the last ping.
///
/// **What this does not do**: notice a peer that answers pings but does not read; see
/// [`WriteTimeoutLayer`](crate::WriteTimeoutLayer). Nor does it know how long a ping has to wait: behind megabytes that
/// take a slow link longer than the timeout, a peer that only reads is closed.
///
/// Plain requests, which are not handshakes, pass.
///
/// # Defaults
///
/// A ping every 25 s, or up to a quarter of that earlier, so that connections that were opened together do not ping
/// together; 20 s for the answer. Closes with 3008, `no answer to a ping`. Interval and timeout together stay below the
/// minute after which common proxies give up.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::{Handshake, Message};
/// use portcullis_liveness::KeepAliveLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = KeepAliveLayer::new().interval(Duration::from_secs(10)).timeout(Duration::from_secs(5));
/// let app = Router::new().route("/ws", any(handler)).layer(layer);
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// // This client reads, but sends no pong.
/// assert!(matches!(client.next().await, Some(Message::Ping(_))));
/// assert_eq!(client.closed().await.unwrap().to_string(), "3008 no answer to a ping");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct KeepAliveLayer {
    interval: Duration,
    timeout: Duration,
    frame: CloseFrame,
    report_only: bool,
}

impl KeepAliveLayer {
    /// Creates a layer with the defaults.
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(25),
            timeout: Duration::from_secs(20),
            frame: CloseFrame::new(CloseCode::TIMEOUT, "no answer to a ping"),
            report_only: false,
        }
    }

    /// Sets the longest time from one ping to the next. 25 s by default.
    ///
    /// Anything that the client sends after a ping is an answer, so a client that sends messages has no need to read
    /// pings:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_liveness::KeepAliveLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = KeepAliveLayer::new().interval(Duration::from_secs(10)).timeout(Duration::from_secs(5));
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// for _ in 0..3 {
    ///     let Some(Message::Ping(payload)) = client.next().await else { panic!("a ping every 10 s at the latest") };
    ///     client.send_pong(payload).await?;
    ///     let Some(Message::Ping(_)) = client.next().await else { panic!("the pong was an answer") };
    ///     client.send_text("I am here").await?;
    /// }
    /// // Now it says nothing.
    /// assert_eq!(client.closed().await.unwrap().code().unwrap(), 3008);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If `interval` is shorter than a millisecond.
    #[track_caller]
    pub fn interval(self, interval: Duration) -> Self {
        assert!(interval >= Duration::from_millis(1), "pings must be a millisecond apart at least");
        Self { interval, ..self }
    }

    /// Sets how long the peer may take to answer a ping, 20 s by default. It may be longer than the interval: the next
    /// ping is sent once the last one was answered.
    ///
    /// # Panics
    ///
    /// If `timeout` is shorter than a millisecond.
    #[track_caller]
    pub fn timeout(self, timeout: Duration) -> Self {
        assert!(timeout >= Duration::from_millis(1), "a peer must have a millisecond to answer at least");
        Self { timeout, ..self }
    }

    /// Sets the close frame. 3008, `no answer to a ping`, by default: after 1011 some clients never reconnect.
    ///
    /// ```
    /// use portcullis_core::{CloseCode, CloseFrame};
    /// use portcullis_liveness::KeepAliveLayer;
    ///
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let layer = KeepAliveLayer::new().close_frame(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "are you there?"));
    /// let mut client = Handshake::new("/ws").connect(Router::new().route("/ws", handler).layer(layer)).await?;
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1013 are you there?");
    /// # Ok(()) }
    /// ```
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        Self { frame, ..self }
    }

    /// Closes nothing, but goes on pinging, and counts and logs pings without an answer (features `metrics` and
    /// `tracing`).
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }
}

impl Default for KeepAliveLayer {
    fn default() -> Self {
        Self::new()
    }
}

layer!(KeepAliveLayer);

impl Watch for KeepAliveLayer {
    fn policy(self: &Arc<Self>) -> Box<dyn Policy> {
        Box::new(KeepAlive { layer: self.clone(), last: None, asked: None, early: Fraction::random(), reported: 0 })
    }
}

struct KeepAlive {
    layer: Arc<KeepAliveLayer>,
    /// The last ping.
    last: Option<Instant>,
    /// It was not answered yet.
    asked: Option<Asked>,
    /// How much of a quarter of the interval it pings earlier.
    early: Fraction,
    /// On report only: how many pings had no answer.
    reported: u32,
}

#[derive(Clone, Copy)]
struct Asked {
    /// What had come in by then.
    received: u64,
    /// How many nanoseconds after the last ping the time for an answer runs out.
    within: NonZeroU64,
}

impl KeepAlive {
    fn ping(&mut self, activity: &Activity, now: Instant) -> Action {
        self.last = Some(now);
        self.asked = Some(Asked { received: activity.received, within: nanos(self.layer.timeout) });
        Action::Ping
    }

    /// The time between pings.
    fn period(&self) -> Duration {
        let interval = self.layer.interval;
        interval.saturating_sub(self.early.of(interval / 4))
    }
}

/// A time in one word. One that is longer than centuries never runs out.
fn nanos(time: Duration) -> NonZeroU64 {
    u64::try_from(time.as_nanos()).map_or(NonZeroU64::MAX, |nanos| NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
}

impl Policy for KeepAlive {
    fn name(&self) -> &'static str {
        "keep_alive"
    }

    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn take_reported(&mut self) -> u64 {
        std::mem::take(&mut self.reported).into()
    }

    fn on_pong(&mut self, _: Duration, _: Instant) {
        self.asked = None;
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        match &self.asked {
            Some(asked) => later(self.last?, Duration::from_nanos(asked.within.get())),
            None => later(self.last.or(activity.opened)?, self.period()),
        }
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        match self.asked {
            None => self.ping(activity, now),
            Some(asked) if activity.received != asked.received => {
                self.asked = None;
                Action::None
            }
            // A ping that cannot be sent shows that the peer is gone: the first may only have elicited a reset.
            Some(asked) if activity.inconclusive => {
                let since = now.saturating_duration_since(self.last.unwrap_or(now));
                self.asked = Some(Asked { within: nanos(since.saturating_add(self.layer.timeout)), ..asked });
                Action::Ping
            }
            // It goes on pinging: the round trip is of use, and so is what proxies see.
            Some(_) if self.layer.report_only => {
                self.asked = None;
                self.reported += 1;
                Action::None
            }
            Some(_) => Action::Close(self.layer.frame.clone()),
        }
    }
}
