//! The builder of a limit on live connections, and the pool that its services share.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::{Connection, shared::SharePermits};
use tower_layer::Layer;

use super::{capacity::Limit, permits::Pool, service::ConnectionLimitService, settings::Settings};

/// Limits the number of live connections. The [crate's page](crate) lists the rules.
///
/// Plain requests, which are not handshakes, pass and take no permit. Clones of the layer, and the services that they
/// create, count together.
///
/// ```
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_connections::ConnectionLimitLayer;
/// use portcullis_core::testing::Handshake;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit = ConnectionLimitLayer::new().global(1);
/// let app = Router::new().route("/ws", any(handler)).layer(limit.clone());
/// let first = Handshake::new("/ws").connect(app.clone()).await?;
/// let refused = Handshake::new("/ws").connect(app).await.unwrap_err();
/// assert_eq!(refused.status().unwrap(), 503);
/// assert_eq!(limit.live(), 1);
/// # drop(first);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ConnectionLimitLayer {
    settings: Arc<Settings>,
    pool: Arc<Pool<Connection>>,
}

impl ConnectionLimitLayer {
    /// Creates a layer without limits.
    pub fn new() -> Self {
        Self { pool: Arc::new(Pool::new(None)), settings: Arc::default() }
    }

    /// Allows `max` connections in all. Further handshakes are refused with 503; with zero, all are.
    pub fn global(self, max: usize) -> Self {
        self.set(|settings| settings.global = Some(max))
    }

    /// Limits the connections of each client address. A layer outside, such as `ClientIpLayer`, must have determined
    /// it.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer};
    /// use tower::ServiceBuilder;
    ///
    /// let layers = ServiceBuilder::new() // the first is the outermost
    ///     .layer(ClientIpLayer::new())
    ///     .layer(ConnectionLimitLayer::new().per_client_ip(1));
    /// let app = Router::new().route("/ws", handler).layer(layers);
    /// let from = |client: &str| Handshake::new("/ws").peer_addr(client.parse().unwrap());
    /// let _first = from("[2001:db8::1]:1000").connect(app.clone()).await?;
    /// let refused = from("[2001:db8::2]:1000").connect(app.clone()).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 429, "an address of the same /64");
    /// assert_eq!(refused.response().unwrap().headers()["retry-after"], "5");
    /// let _another = from("[2001:db8:0:1::1]:1000").connect(app).await?;
    /// # Ok(()) }
    /// ```
    pub fn per_client_ip(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.client = Some(limit))
    }

    /// Sets how many leading bits of an IPv6 address identify a client, 64 by default.
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// Limits the connections of each subject.
    ///
    /// Clients without a subject share the same limit for each client address, which a layer outside must have
    /// determined. Beyond it they are refused, and never evicted. [`require_subject`](Self::require_subject) refuses
    /// all of them.
    ///
    /// If the subject becomes known with the first message, the permit is taken then; if the limit is reached, the
    /// connection is closed with 1008. Until then it only counts as [`unauthenticated`](Self::unauthenticated).
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_connections::{ConnectionLimitLayer, Limit};
    /// use portcullis_core::identity::{ClientIp, Subject};
    ///
    /// let limit = ConnectionLimitLayer::new().per_subject(Limit::new(1).evict_oldest());
    /// let app = Router::new().route("/ws", handler).layer(limit);
    /// // What layers outside, such as a `JwtLayer` and a `ClientIpLayer`, have determined.
    /// let alice = || Handshake::new("/ws").extension(Subject::new("alice"));
    /// let anonymous = || Handshake::new("/ws").extension(ClientIp([192, 0, 2, 1].into()));
    ///
    /// let mut first = alice().connect(app.clone()).await?;
    /// let _second = alice().connect(app.clone()).await?;
    /// assert_eq!(first.closed().await.unwrap().to_string(), "1008 replaced by a newer connection");
    ///
    /// let _first = anonymous().connect(app.clone()).await?;
    /// let refused = anonymous().connect(app).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 429, "strangers at one address do not evict each other");
    /// # Ok(()) }
    /// ```
    pub fn per_subject(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.subject = Some(limit))
    }

    /// Refuses clients without a subject with 403. Clients may authenticate with their first message; if that yields no
    /// subject, the connection is closed with 3003.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_connections::ConnectionLimitLayer;
    /// use portcullis_core::identity::{ClientIp, Subject};
    ///
    /// // Up to five connections for each user, and none for anonymous clients.
    /// let limit = ConnectionLimitLayer::new().per_subject(5).require_subject();
    /// let app = Router::new().route("/ws", handler).layer(limit);
    /// let handshake = || Handshake::new("/ws").extension(ClientIp([192, 0, 2, 1].into()));
    /// let _alice = handshake().extension(Subject::new("alice")).connect(app.clone()).await?;
    /// let anonymous = handshake().connect(app).await.unwrap_err();
    /// assert_eq!(anonymous.status().unwrap(), 403);
    /// # Ok(()) }
    /// ```
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// Limits the connections of each key that `key` returns for the request. A handshake without a key is not limited.
    ///
    /// The key consists of bytes, such as those of a string, so that all nodes which [share](Self::shared) the limit
    /// use the same.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use http::request::Parts;
    /// use portcullis_connections::ConnectionLimitLayer;
    ///
    /// // One connection for each room. Only a room's own path has a key.
    /// let room = |parts: &Parts| parts.uri.path().strip_prefix("/rooms/").map(str::to_owned);
    /// let limit = ConnectionLimitLayer::new().per_key(1, room);
    /// let app = Router::new().route("/rooms/{room}", handler.clone()).route("/lobby", handler).layer(limit);
    ///
    /// let _first = Handshake::new("/rooms/1").connect(app.clone()).await?;
    /// let refused = Handshake::new("/rooms/1").connect(app.clone()).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 429);
    /// let _other = Handshake::new("/rooms/2").connect(app.clone()).await?;
    /// let _one = Handshake::new("/lobby").connect(app.clone()).await?;
    /// let _more = Handshake::new("/lobby").connect(app).await?;
    /// # Ok(()) }
    /// ```
    pub fn per_key<K: AsRef<[u8]>>(
        self,
        limit: impl Into<Limit>,
        key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let limit = limit.into();
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.set(|settings| settings.key = Some((Arc::new(key), limit)))
    }

    /// Allows `max` connections without a subject in all, whether they may still authenticate or not. Unlimited by
    /// default; with zero, every client needs a subject at the handshake.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::{identity::Subject, testing::Handshake};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// # use portcullis_connections::ConnectionLimitLayer;
    /// let limit = ConnectionLimitLayer::new().global(10_000).unauthenticated(1);
    /// let app = Router::new().route("/ws", handler).layer(limit);
    /// let _first = Handshake::new("/ws").connect(app.clone()).await?;
    /// let refused = Handshake::new("/ws").connect(app.clone()).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 503);
    /// assert_eq!(refused.refusal().unwrap().kind(), "too_many_unauthenticated");
    /// let _alice = Handshake::new("/ws").extension(Subject::new("alice")).connect(app).await?;
    /// # Ok(()) }
    /// ```
    pub fn unauthenticated(self, max: usize) -> Self {
        self.set(|settings| settings.unauthenticated = Some(max))
    }

    /// Holds permits until the handler has returned as well, and not only until the connection has ended.
    ///
    /// Use this if the work of handlers is scarce, such as queries, processes or calls of a model. By default, a client
    /// that closes frees its permit while its handler is still working, and with [`Limit::evict_oldest`] a client that
    /// opens one connection after another can have any number of handlers at work.
    ///
    /// With this setting, the handlers of replaced connections count: new handshakes are refused while as many of them
    /// as the limit, but at least eight, are still running. So a key has at most twice as many handlers as its limit,
    /// or its limit plus eight if that is more.
    ///
    /// A handler has returned when it has dropped its socket and, if it runs under
    /// [`supervise`](portcullis_core::Connection::supervise), its future is done. A handler that does not return after
    /// its socket was closed keeps its permit for ever.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_connections::ConnectionLimitLayer;
    /// # use portcullis_core::{CloseFrame, testing::Handshake};
    /// # use tokio::time::sleep;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A handler that needs a minute to finish after its client has closed.
    /// let handler = any(async |upgrade: WebSocketUpgrade| {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         while let Some(Ok(_)) = socket.recv().await {}
    ///         sleep(Duration::from_secs(60)).await;
    ///     })
    /// });
    /// // How many permits are held 10 s after the client has left, and 100 s after.
    /// let held = async |limit: ConnectionLimitLayer| {
    ///     let app = Router::new().route("/ws", handler.clone()).layer(limit.clone());
    ///     Handshake::new("/ws").connect(app).await.unwrap().send_close(&CloseFrame::empty()).await.unwrap();
    ///     sleep(Duration::from_secs(10)).await;
    ///     let soon = limit.live();
    ///     sleep(Duration::from_secs(90)).await;
    ///     (soon, limit.live())
    /// };
    /// let limit = ConnectionLimitLayer::new().global(100);
    /// assert_eq!(held(limit.clone()).await, (0, 0));
    /// assert_eq!(held(limit.until_handler_returns()).await, (1, 0));
    /// # Ok(()) }
    /// ```
    pub fn until_handler_returns(self) -> Self {
        self.set(|settings| settings.until_handler_returns = true)
    }

    /// Sets the `Retry-After` of refused handshakes, 5 s by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, routing::any};
    /// # use portcullis_connections::ConnectionLimitLayer;
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// // Closed for maintenance: a limit of zero refuses every handshake.
    /// let closed = ConnectionLimitLayer::new().global(0).retry_after(Duration::from_secs(600));
    /// let app = Router::new().route("/ws", any(async || "served")).layer(closed);
    /// let refused = Handshake::new("/ws").connect(app).await.unwrap_err();
    /// let response = refused.response().unwrap();
    /// assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"600".parse().unwrap()));
    /// # }
    /// ```
    pub fn retry_after(self, wait: Duration) -> Self {
        self.set(|settings| settings.retry_after = wait)
    }

    /// Calls `announce` with the number of live connections and the global limit when nine tenths of that limit are
    /// reached: once, until the number has fallen below eight tenths. It must not block.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_connections::ConnectionLimitLayer;
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let (announce, announced) = std::sync::mpsc::channel();
    /// let limit = ConnectionLimitLayer::new().global(10).on_high_water(move |live, max| {
    ///     let _nobody_listens = announce.send(format!("{live} of {max}"));
    /// });
    /// let app = Router::new().route("/ws", handler).layer(limit);
    /// let mut clients = Vec::new();
    /// for _ in 0..10 {
    ///     clients.push(Handshake::new("/ws").connect(app.clone()).await?);
    /// }
    /// assert_eq!(announced.try_iter().collect::<Vec<_>>(), ["9 of 10"]);
    /// # Ok(()) }
    /// ```
    pub fn on_high_water(self, announce: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_high_water = Some(Arc::new(announce)))
    }

    /// Counts the connections of all nodes together, in a store such as `portcullis_redis::Cluster`.
    ///
    /// This node still counts its own connections and decides first. While the store is unreachable, its setting
    /// `when_away` decides: new handshakes are refused (503), or this node uses its share of each limit, or the whole
    /// limit. Layers that share a store count together what they have in common; give each a scope of the store if
    /// their limits differ.
    ///
    /// With [`Limit::evict_oldest`], connections of other nodes are evicted as well. With
    /// [`until_handler_returns`](Self::until_handler_returns), each node counts the handlers of its own replaced
    /// connections.
    pub fn shared(self, store: &(impl SharePermits + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.shared = Some(store))
    }

    /// Refuses and evicts nothing, but counts and logs what would be refused (features `metrics` and `tracing`).
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// Returns how many connections hold a permit of this layer.
    ///
    /// A permit is taken in the handshake, and given back when the connection has ended, or the handshake has failed
    /// further inside:
    ///
    /// ```
    /// # use axum::{Router, http::StatusCode, routing::any};
    /// # use portcullis_connections::ConnectionLimitLayer;
    /// # use portcullis_core::testing::Handshake;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let limit = ConnectionLimitLayer::new().global(1);
    /// let counted = limit.clone();
    /// let handler = any(async move || {
    ///     assert_eq!(counted.live(), 1, "while the handler decides");
    ///     StatusCode::NOT_FOUND
    /// });
    /// let app = Router::new().route("/ws", handler).layer(limit.clone());
    /// for _ in 0..3 {
    ///     let refused = Handshake::new("/ws").connect(app.clone()).await.unwrap_err();
    ///     assert_eq!((refused.status().unwrap(), limit.live()), (StatusCode::NOT_FOUND, 0));
    /// }
    /// # }
    /// ```
    pub fn live(&self) -> usize {
        self.pool.total()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn pool(&self) -> &Pool<Connection> {
        &self.pool
    }

    /// Starts counting anew, because layers are configured before they are used.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.pool = Arc::new(Pool::new(self.settings.global));
        self
    }
}

impl Default for ConnectionLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ConnectionLimitLayer {
    type Service = ConnectionLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionLimitService::new(inner, self.settings.clone(), self.pool.clone())
    }
}

impl fmt::Debug for ConnectionLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimitLayer")
            .field("live", &self.live())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
