//! The handle by which a server is drained: sets how, begins it, and waits for its end.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use portcullis_core::{CloseFrame, Connections};

use super::{
    drained::Drained,
    layer::DrainLayer,
    run::run,
    settings::Settings,
    state::{Stage, State},
};

/// Stops the WebSockets of a server, in an orderly way. Clones are handles of the same drain.
///
/// The [module's page](super) has the rules and the defaults.
#[derive(Clone)]
#[must_use]
pub struct Drain {
    state: Arc<State>,
}

/// No time is longer, so that none overflows.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Drain {
    /// A drain of the connections that come through its [`layer`](Self::layer).
    pub fn new() -> Self {
        Self::of(Connections::new())
    }

    /// A drain of all connections in a registry, and of those that come through the drain's layer, which puts them
    /// there. A route of the registry's that has not got that layer admits handshakes to the end.
    pub fn of(connections: Connections) -> Self {
        Self { state: Arc::new(State::new(connections)) }
    }

    /// What the clients read. 1012, "service restarts", by default. It should be one that they retry on, such as 1001,
    /// 1012 or 1013. Takes precedence over [`going_away`](Self::going_away), whatever the order of calls.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.frame = Some(frame))
    }

    /// 1001, "going away": the server does not come back.
    pub fn going_away(self) -> Self {
        self.set(|settings| settings.going_away = true)
    }

    /// The time over which the closes are spread. 5 s by default; at most half of the deadline.
    pub fn window(self, time: Duration) -> Self {
        self.set(|settings| settings.window = time.min(LONGEST))
    }

    /// How long a handler must have sent nothing before its connection is closed: longer than it needs for an answer.
    /// 500 ms by default. Meanwhile it is not given what its client sends.
    pub fn quiet(self, time: Duration) -> Self {
        self.set(|settings| settings.quiet = time.min(LONGEST))
    }

    /// How long a handler that goes on sending may do so, and how long handlers may clean up when all connections have
    /// ended. 5 s by default.
    pub fn grace(self, time: Duration) -> Self {
        self.set(|settings| settings.grace = time.min(LONGEST))
    }

    /// When the connections that are left are aborted, from the beginning on, and the drain is over. 25 s by default;
    /// at most a day. Keep it below the time after which your supervisor kills the process: 10 s for Docker, 30 s for
    /// Kubernetes, 90 s for systemd.
    pub fn deadline(self, time: Duration) -> Self {
        self.set(|settings| settings.deadline = time.min(LONGEST))
    }

    /// How long refused clients are asked to wait, rounded up to whole seconds (RFC 9110, section 10.2.3). 5 s by
    /// default.
    pub fn retry_after(self, time: Duration) -> Self {
        self.set(|settings| settings.retry_after = time)
    }

    /// A setting is the drain's, and so holds for handles and layers that were made before.
    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.state.change(change);
        self
    }

    /// The layer. When it, its clones and the services that it made are gone while connections are alive, and the drain
    /// has not begun, a warning says so: a server that just ends resets them all.
    pub fn layer(&self) -> DrainLayer {
        DrainLayer::new(self.state.serve())
    }

    /// The connections that are, or would be, drained.
    pub fn connections(&self) -> &Connections {
        &self.state.connections
    }

    /// Whether the drain has begun, for whoever answers a load balancer's question for readiness.
    pub fn has_begun(&self) -> bool {
        self.state.has_begun()
    }

    /// Waits until the drain has begun. Cancel safe.
    pub async fn begun(&self) {
        self.state.reached(|stage| stage != Stage::Open).await;
    }

    /// Waits until the drain is over, whoever runs it, and says what it came to. Cancel safe.
    pub async fn drained(&self) -> Drained {
        match self.state.reached(|stage| matches!(stage, Stage::Drained(_))).await {
            Stage::Drained(drained) => drained,
            Stage::Open | Stage::Draining => unreachable!("another stage was waited for"),
        }
    }

    /// Begins the drain: from this call on handshakes are refused. The future closes the connections, and is ready when
    /// none is left, or the deadline has passed.
    ///
    /// If it is dropped midway, handshakes stay refused and those that were not closed yet stay open; another call goes
    /// on with them, and counts only them. Once a drain is over, it stays so.
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

    /// Waits for a signal, and drains: what `with_graceful_shutdown` of axum's wants.
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
