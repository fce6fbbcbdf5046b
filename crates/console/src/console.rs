//! The console, which cannot be mounted before it has an authorizer.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::{
    Connections, Decision,
    observe::{self, Attached},
};
use portcullis_origin::OriginLayer;
use tokio::sync::Semaphore;

use crate::{
    history::History,
    operator::{Authorized, Operator, Unauthorized},
    settings::Settings,
    snapshot::Snapshots,
    state::State,
};

/// A page and an API for operators, as a tower service. See the [crate's documentation](crate) for what it shows.
///
/// It is a service only once it has an [authorizer](Self::authorize). Clones share their state, but not the settings
/// that are changed later: a clone that [masks](Self::mask_subjects) can be mounted for operators who may see less.
///
/// ```
/// use http::{Request, StatusCode};
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use portcullis_console::{Console, Operator};
/// use portcullis_core::Connections;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let connections = Connections::new(); // its layer stands around the WebSockets
/// let console = Console::new(connections).authorize(|parts| {
///     let known = parts.headers.get("authorization")? == "Bearer a secret of the operators";
///     known.then(|| Operator::new("on call"))
/// });
///
/// let look = || Request::get("/api/summary");
/// let allowed = look().header("authorization", "Bearer a secret of the operators");
/// let allowed = console.clone().oneshot(allowed.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
/// assert_eq!(allowed.status(), StatusCode::OK);
/// let refused = console.oneshot(look().body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
/// assert_eq!(refused.status(), StatusCode::FORBIDDEN);
/// # }
/// ```
///
/// Without an authorizer it does not compile:
///
/// ```compile_fail
/// use http::Request;
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use portcullis_console::Console;
/// use portcullis_core::Connections;
/// use tower::ServiceExt;
///
/// let console = Console::new(Connections::new());
/// let _ = console.oneshot(Request::get("/").body(Empty::<Bytes>::new()).unwrap());
/// ```
#[derive(Clone)]
#[must_use]
pub struct Console<A = Authorized> {
    connections: Connections,
    history: Arc<History>,
    attached: Arc<Attached>,
    snapshots: Snapshots,
    settings: Arc<Settings>,
    authorizer: A,
}

impl Console<Unauthorized> {
    /// Creates a console for the connections of a registry. From then on it counts refusals and closes in this process,
    /// and connections keep what their layers report about them: create it before the server starts.
    pub fn new(connections: Connections) -> Self {
        let history = Arc::new(History::new(connections.clone()));
        let attached = Arc::new(observe::attach(history.clone()));
        Self {
            connections,
            history,
            attached,
            snapshots: Snapshots::default(),
            settings: Arc::default(),
            authorizer: Unauthorized::new(),
        }
    }

    /// Sets who may see the console. For each request, to the page or to the API, `authorizer` returns the operator, or
    /// `None` to respond with 403. There is no default.
    ///
    /// It is called with the request's parts, so it can read what an outer layer has put into the extensions. An
    /// admitted operator sees all subjects and addresses, unless they are [masked](Self::mask_subjects).
    pub fn authorize(
        self,
        authorizer: impl Fn(&Parts) -> Option<Operator> + Send + Sync + 'static,
    ) -> Console<Authorized> {
        self.authorize_later(move |parts| Decision::ready(authorizer(parts)))
    }

    /// Like [`authorize`](Self::authorize), for an authorizer that is asynchronous, such as a database lookup.
    pub fn authorize_later(
        self,
        authorizer: impl Fn(&Parts) -> Decision<Option<Operator>> + Send + Sync + 'static,
    ) -> Console<Authorized> {
        let Self { connections, history, attached, snapshots, settings, authorizer: Unauthorized { .. } } = self;
        Console { connections, history, attached, snapshots, settings, authorizer: Authorized::new(authorizer) }
    }
}

impl<A> Console<A> {
    /// Lets operators close connections, revoke tokens and start the drain. By default the console is
    /// read-only. An operator that is [read-only](Operator::read_only) cannot act in any case.
    pub fn allow_actions(self) -> Self {
        self.set(|settings| settings.actions = true)
    }

    /// Shows subjects as numbers, which distinguish two subjects without revealing their names. A search by name does
    /// not find them. The numbers change at a restart.
    ///
    /// Text that layers and handlers write, such as close reasons, is shown unchanged.
    pub fn mask_subjects(self) -> Self {
        self.set(|settings| settings.mask.hide_subjects())
    }

    /// Shows only the network of client addresses: 24 bits of an IPv4 address, 48 of an IPv6 address.
    pub fn mask_addresses(self) -> Self {
        self.set(|settings| settings.mask.hide_addresses())
    }

    /// Sets how often the page is updated, 1 s by default. The connections are read once per interval, however many
    /// viewers there are.
    ///
    /// # Panics
    ///
    /// If `time` is less than 100 ms.
    #[track_caller]
    pub fn interval(self, time: Duration) -> Self {
        assert!(time >= Duration::from_millis(100), "the interval of a console must be at least 100 ms");
        self.set(|settings| settings.interval = time)
    }

    /// Sets the maximum number of concurrent viewers, 8 by default. Further ones get a 503 response.
    pub fn viewers(self, max: usize) -> Self {
        self.set(|settings| settings.viewers = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))))
    }

    /// Sets the origins from which actions are accepted, `OriginLayer::same_origin()` by default. Needed behind a proxy
    /// that changes the `Host`, where the page's origin is not the one that the server sees.
    ///
    /// If it lists [hosts](OriginLayer::hosts), the console responds with 403 to every request for another host. An
    /// authorizer that relies on the client's address needs this against DNS rebinding.
    ///
    /// ```
    /// # use http::{Request, StatusCode};
    /// # use http_body_util::Empty;
    /// # use hyper::body::Bytes;
    /// # use portcullis_console::{Console, Operator};
    /// # use portcullis_core::Connections;
    /// # use portcullis_origin::OriginLayer;
    /// # use tower::ServiceExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let own = OriginLayer::same_origin().hosts(["localhost"]).unwrap();
    /// let console = Console::new(Connections::new()).origin(own);
    /// let console = console.authorize(|_| Some(Operator::new("on this machine"))); // so is its browser
    ///
    /// for (host, status) in [("localhost:3000", StatusCode::OK), ("evil.example", StatusCode::FORBIDDEN)] {
    ///     let look = Request::get("/api/summary").header("host", host).body(Empty::<Bytes>::new()).unwrap();
    ///     assert_eq!(console.clone().oneshot(look).await.unwrap().status(), status);
    /// }
    /// # }
    /// ```
    pub fn origin(self, origin: OriginLayer) -> Self {
        self.set(|settings| settings.origin = origin)
    }

    /// Shows how full the limits of a layer are, under `name`. Can be called for several layers.
    #[cfg(feature = "connections")]
    pub fn limit(self, name: impl Into<Arc<str>>, limit: &portcullis_connections::ConnectionLimitLayer) -> Self {
        self.set(|settings| settings.limits.push((name.into(), limit.clone())))
    }

    /// Lets operators revoke tokens, if [actions are allowed](Self::allow_actions).
    #[cfg(feature = "jwt")]
    pub fn revocations(self, revocations: &portcullis_jwt::Revocations) -> Self {
        self.set(|settings| settings.revocations = Some(revocations.clone()))
    }

    /// Shows the state of a drain, and lets operators start it, if [actions are allowed](Self::allow_actions).
    ///
    /// Viewers are disconnected when the drain is over. Without a drain, a server that shuts down gracefully waits for
    /// its viewers, for five minutes at most.
    #[cfg(feature = "liveness")]
    pub fn drain(self, drain: &portcullis_liveness::Drain) -> Self {
        self.set(|settings| settings.drain = Some(drain.clone()))
    }

    /// Shows the health of the store that nodes share. Actions reach all nodes if the registry and the revocations are
    /// shared.
    #[cfg(feature = "redis")]
    pub fn cluster(self, cluster: &portcullis_redis::Cluster) -> Self {
        self.set(|settings| settings.cluster = Some(cluster.clone()))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        // Rows are masked when a snapshot is taken, so clones with different settings cannot share one.
        self.snapshots = Snapshots::default();
        self
    }

    pub(crate) fn state(&self) -> State {
        State {
            connections: self.connections.clone(),
            history: self.history.clone(),
            snapshots: self.snapshots.clone(),
            settings: self.settings.clone(),
        }
    }

    pub(crate) fn authorizer(&self) -> &A {
        &self.authorizer
    }
}

impl<A> fmt::Debug for Console<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, attached: _, settings, .. } = self;
        f.debug_struct("Console")
            .field("connections", connections)
            .field("actions", &settings.actions)
            .finish_non_exhaustive()
    }
}
