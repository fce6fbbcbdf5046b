//! The handle of a drain: configures it, starts it, and waits until it is over.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use portcullis_core::{CloseFrame, Connections, shared::Member};

use super::{
    drained::Drained,
    layer::DrainLayer,
    run::run,
    settings::Settings,
    state::{Stage, State},
};

/// Closes all WebSockets of a server that shuts down, in an orderly way. Clones are handles to the same drain.
///
/// A server that just stops resets every socket: clients see 1006, lose responses that were under way, and reconnect
/// all at once. The graceful shutdown of an HTTP server does not help, because it no longer controls an upgraded
/// connection: over HTTP/1.1 it neither notifies it nor waits for it, over HTTP/2 it waits for it and never notifies
/// it.
///
/// - Once the drain has begun, handshakes are refused with 503 and `Retry-After`, or, for a browser and with a
///   `CloseLayer` outside, with the drain's close frame. Plain requests are served.
/// - Every live connection is closed with a code on which clients retry, each at a random moment within a window. A
///   handshake that was admitted before is closed as soon as it completes.
/// - When its turn comes, a handler receives no more input, and has time to send responses that it still owes. Then it
///   reads the close, and ends as if its client had left. The drain waits for handlers to finish cleaning up.
/// - At the deadline, whatever is left is aborted: clients that do not answer the close, and handshakes that do not
///   complete.
/// - Nodes that share limits with this one are notified at once ([`Drain::cluster`](crate::Drain::cluster)): it takes
///   nothing more of what they share, and what its connections hold is theirs as they end.
/// - [`Drained`](crate::Drained) counts how the connections ended.
///
/// With axum it takes one line: [`with_graceful_shutdown(drain.on(signal))`](crate::Drain::on). The future is ready
/// when the drain is over, so that `serve` keeps accepting connections, and refusing handshakes, until then. Over
/// HTTP/1.1 `serve` would otherwise return before the first socket was closed, and the process would end. If new
/// connections should go to another process at once, let axum wait for [`drain.started()`](crate::Drain::started), and
/// wait for [`drain.drained()`](crate::Drain::drained) after `serve`. Without axum, await
/// [`drain.start()`](crate::Drain::start) before the server stops.
///
/// **What this does not do**: notify a load balancer, whose readiness probe can ask
/// [`is_started`](crate::Drain::is_started); stop a handler that does not return, which ends with the process; or keep
/// what a client sent and no handler has read. A client that needs to know what arrived needs acknowledgements, and
/// must resend what was not acknowledged.
///
/// # Defaults
///
/// | Setting | Default |
/// | --- | --- |
/// | close frame | 1012, "service restarts" |
/// | window over which the closes are spread | 5 s |
/// | time without output after which a handler counts as finished | 500 ms |
/// | longest time that a handler may go on sending | 5 s |
/// | deadline of the whole drain | 25 s |
/// | `Retry-After` | 5 s |
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use portcullis_liveness::Drain;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # use std::convert::Infallible;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Infallible> {
/// let drain = Drain::new();
/// let handler = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
/// let app = ServiceBuilder::new().layer(drain.layer()).service(handler);
///
/// let handshake = || Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
/// assert_eq!(app.clone().oneshot(handshake()).await?.status(), StatusCode::OK);
///
/// let drained = drain.start().await;
/// assert!(drained.is_clean());
///
/// let refused = app.oneshot(handshake()).await?;
/// assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
/// assert_eq!(refused.headers()["retry-after"], "5");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Drain {
    state: Arc<State>,
}

/// Upper bound of all times, so that none overflows.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Drain {
    /// Creates a drain of the connections that pass through its [`layer`](Self::layer).
    pub fn new() -> Self {
        // A drain lists its connections, and does not look them up by subject or address.
        Self::of(Connections::indexed_on_demand())
    }

    /// Creates a drain of all connections in a registry, to which the drain's layer adds those that pass through it. A
    /// route whose connections are in the registry but which lacks the drain's layer keeps admitting handshakes.
    pub fn of(connections: Connections) -> Self {
        Self { state: Arc::new(State::new(connections)) }
    }

    /// Sets the close frame: 1012, "service restarts", by default. Choose a code on which clients retry, such as 1001,
    /// 1012 or 1013. Takes precedence over [`going_away`](Self::going_away), regardless of the order of calls.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_core::{CloseCode, CloseFrame};
    /// use portcullis_liveness::Drain;
    ///
    /// let moving = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "moving");
    /// for (drain, expected) in [
    ///     (Drain::new(), "1012 service restarts"),
    ///     (Drain::new().going_away(), "1001 going away"),
    ///     (Drain::new().close_frame(moving).going_away(), "1013 moving"),
    /// ] {
    ///     let app = Router::new().route("/ws", handler.clone()).layer(drain.layer());
    ///     let mut client = Handshake::new("/ws").connect(app).await?;
    ///     let drained = tokio::spawn(drain.start());
    ///     let frame = client.closed().await.unwrap();
    ///     assert_eq!(frame.to_string(), expected);
    ///     client.send_close(&frame).await?; // as every WebSocket library does
    ///     assert_eq!(drained.await?.closed, 1);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.frame = Some(frame))
    }

    /// Closes with 1001, "going away", for a server that does not come back.
    pub fn going_away(self) -> Self {
        self.set(|settings| settings.going_away = true)
    }

    /// Sets the time over which the closes are spread: 5 s by default, at most half of the deadline.
    pub fn window(self, time: Duration) -> Self {
        self.set(|settings| settings.window = time.min(LONGEST))
    }

    /// Sets how long a handler must have sent nothing before its connection is closed, 500 ms by default. Choose more
    /// than a handler needs for a response. Meanwhile it receives no input.
    pub fn quiet(self, time: Duration) -> Self {
        self.set(|settings| settings.quiet = time.min(LONGEST))
    }

    /// Sets how long a handler may go on sending, and how long handlers may clean up once all connections have ended.
    /// 5 s by default.
    pub fn grace(self, time: Duration) -> Self {
        self.set(|settings| settings.grace = time.min(LONGEST))
    }

    /// Sets the time after which connections that are left are aborted and the drain is over, counted from its start.
    /// 25 s by default, at most a day. Keep it below the time after which your supervisor kills the process: 10 s for
    /// Docker, 30 s for Kubernetes, 90 s for systemd.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_liveness::Drain;
    /// # use tokio::time::{Instant, sleep};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A handler that takes a minute to notice that its client has left.
    /// let handler = any(async |upgrade: WebSocketUpgrade| {
    ///     upgrade.on_upgrade(async |_socket| sleep(Duration::from_secs(60)).await)
    /// });
    /// let drain = Drain::new().window(Duration::ZERO).deadline(Duration::from_secs(9)); // under Docker
    /// let app = Router::new().route("/ws", handler).layer(drain.layer());
    /// let _client = Handshake::new("/ws").connect(app).await?; // it does not answer the close
    ///
    /// let begun = Instant::now();
    /// let drained = drain.start().await;
    /// assert!(begun.elapsed() <= Duration::from_secs(9));
    /// assert_eq!((drained.closed, drained.aborted), (1, 0), "the client has read a close frame");
    /// assert_eq!(drained.busy, 1, "but the handler is still at work, and ends with the process");
    /// assert!(!drained.is_clean());
    /// # Ok(()) }
    /// ```
    pub fn deadline(self, time: Duration) -> Self {
        self.set(|settings| settings.deadline = time.min(LONGEST))
    }

    /// Sets the `Retry-After` of refused handshakes, rounded up to whole seconds (RFC 9110, section 10.2.3). 5 s by
    /// default.
    ///
    /// ```
    /// # use std::{convert::Infallible, time::Duration};
    /// # use http::{Request, Response};
    /// # use portcullis_liveness::Drain;
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let drain = Drain::new().retry_after(Duration::from_millis(1500));
    /// drain.start().await;
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    /// let handshake = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
    /// let refused = drain.layer().layer(inner).oneshot(handshake).await.unwrap();
    /// assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    ///
    /// let plain = Request::get("/health").body(()).unwrap();
    /// assert_eq!(drain.layer().layer(inner).oneshot(plain).await.unwrap().status(), 200, "still served");
    /// # }
    /// ```
    pub fn retry_after(self, time: Duration) -> Self {
        self.set(|settings| settings.retry_after = time)
    }

    /// Announces the drain to the nodes with which this server shares limits: pass its `portcullis_redis::Cluster`.
    /// When the drain begins, this node stops taking from what they share, and gives back what it does not use. When
    /// the drain is over, the other nodes need not wait for its lease to expire. With several calls, each store is
    /// notified.
    pub fn cluster(self, member: &(impl Member + Clone)) -> Self {
        self.state.join(Arc::new(member.clone()));
        self
    }

    /// Settings belong to the drain, so they also apply to handles and layers that exist already.
    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.state.change(change);
        self
    }

    /// Returns the layer for the routes to be drained.
    ///
    /// A warning is logged if the layer, its clones and their services are all dropped while connections are alive and
    /// the drain has not begun: a server that ends like this resets the connections.
    pub fn layer(&self) -> DrainLayer {
        DrainLayer::new(self.state.serve())
    }

    /// Returns the registry of the connections that the drain closes.
    pub fn connections(&self) -> &Connections {
        &self.state.connections
    }

    /// Returns true once the drain has begun, for a readiness probe: a load balancer that reads it stops sending
    /// clients here.
    ///
    /// ```
    /// use portcullis_liveness::Drain;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let drain = Drain::new();
    /// let ready = { let drain = drain.clone(); move || if drain.is_started() { 503 } else { 200 } };
    /// assert_eq!(ready(), 200);
    /// let drained = drain.start(); // from here on, even before the future is polled
    /// assert_eq!(ready(), 503);
    /// assert!(drained.await.is_clean());
    /// # }
    /// ```
    pub fn is_started(&self) -> bool {
        self.state.is_started()
    }

    /// Waits until the drain has begun. Cancel safe.
    pub async fn started(&self) {
        self.state.reached(|stage| stage != Stage::Open).await;
    }

    /// Waits until the drain is over and returns its result, whichever task runs the drain. Cancel safe.
    pub async fn drained(&self) -> Drained {
        match self.state.reached(|stage| matches!(stage, Stage::Drained(_))).await {
            Stage::Drained(drained) => drained,
            Stage::Open | Stage::Draining => unreachable!("another stage was waited for"),
        }
    }

    /// Begins the drain: from this call on, handshakes are refused. The future closes the connections, and is ready
    /// when none is left or the deadline has passed.
    ///
    /// If the future is dropped midway, handshakes stay refused, and connections that were not closed yet stay open;
    /// another call continues with those, and counts only those. A drain that is over cannot be undone.
    #[must_use = "connections are closed only while the future is polled"]
    pub fn start(&self) -> impl Future<Output = Drained> + Send + use<> {
        self.state.begin();
        let drain = self.clone();
        async move {
            if drain.state.is_over() {
                return drain.drained().await;
            }
            run(&drain.state.settings(), &drain.state).await
        }
    }

    /// Waits for a signal, then drains: the future for axum's `with_graceful_shutdown`.
    ///
    /// ```no_run
    /// # async fn serve(app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// # let drain = portcullis_liveness::Drain::new();
    /// axum::serve(listener, app).with_graceful_shutdown(drain.on(tokio::signal::ctrl_c())).await?;
    /// println!("{}", drain.drained().await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Docker, Kubernetes and systemd send a SIGTERM, which ends a process that does not listen for it at once:
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # async fn serve(app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// # let drain = portcullis_liveness::Drain::new();
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// let mut terminate = signal(SignalKind::terminate())?;
    /// let drained = drain.on(async move { terminate.recv().await });
    /// axum::serve(listener, app).with_graceful_shutdown(drained).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on<F: Future>(&self, signal: F) -> impl Future<Output = ()> + use<F> {
        let drain = self.clone();
        async move {
            signal.await;
            drain.start().await;
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.state.settings();
        f.debug_struct("Drain")
            .field("stage", &*self.state.stage.borrow())
            .field("settings", &settings)
            .finish_non_exhaustive()
    }
}
