//! The builder of a node, and what is checked before it starts.
//!
//! Settings are checked together and not one by one, because what one may be depends on others: a lease on the beat,
//! and a share on the number of nodes. Nothing panics, as settings often come from a file.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use crate::{
    away::WhenAway,
    check::{Times, check_server, check_settings},
    cluster::Cluster,
    error::BuildError,
    key::{Keys, Secret},
    link::Client,
    node::{Node, OnFenced, Settings},
    servers::{Others, Servers},
};

/// Builds a [`Cluster`]. All nodes that share limits need the same server, namespace, secret, lease and beat.
///
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
/// use portcullis_redis::{Cluster, OnFenced, WhenAway};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// # let (url, secret) = ("redis://127.0.0.1:1", [7; 32]); // `redis://user:password@redis:6379`, from a random source
/// let cluster = Cluster::connect(url)
///     .namespace("chat")
///     .secret(secret)
///     .deadline(Duration::from_millis(50)) // Redis is next door
///     .when_away(WhenAway::Share)
///     .nodes(NonZeroUsize::new(4).unwrap())
///     .on_fenced(OnFenced::Keep)
///     .lazy()
///     .build()
///     .await?;
/// assert_eq!(cluster.health().nodes, NonZeroUsize::new(4), "until Redis says how many there are");
/// # Ok(()) }
/// ```
///
/// # Defaults
///
/// | Setting | Default |
/// | --- | --- |
/// | [`namespace`](Self::namespace) | `portcullis` |
/// | [`secret`](Self::secret) | none; it is required |
/// | [`lease`](Self::lease) | 10 s |
/// | [`beat`](Self::beat) | 1 s |
/// | [`deadline`](Self::deadline) | 100 ms |
/// | [`stale_after`](Self::stale_after) | 30 s |
/// | [`when_away`](Self::when_away) | [`WhenAway::Share`] |
/// | [`on_fenced`](Self::on_fenced) | [`OnFenced::Keep`] |
#[must_use]
pub struct Builder {
    url: String,
    others: Others,
    namespace: String,
    secret: Vec<u8>,
    times: Times,
    when_away: WhenAway,
    on_fenced: OnFenced,
    nodes: Option<NonZeroUsize>,
    lazy: bool,
    #[cfg(feature = "tls")]
    root: Option<Vec<u8>>,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            others: Others::None,
            namespace: String::from("portcullis"),
            secret: Vec::new(),
            times: Times {
                lease: Duration::from_secs(10),
                beat: Duration::from_secs(1),
                deadline: Duration::from_millis(100),
                stale_after: Duration::from_secs(30),
            },
            when_away: WhenAway::default(),
            on_fenced: OnFenced::default(),
            nodes: None,
            lazy: false,
            #[cfg(feature = "tls")]
            root: None,
        }
    }

    /// Connects to a Redis Cluster. The URL passed to [`Cluster::connect`] is that of one of its servers, and `urls`
    /// are those of others; servers that are not listed are discovered.
    ///
    /// When a server restarts without its data, or fails over to a replica that lags behind, the nodes report again
    /// within a beat what they hold. Until then its keys may exceed their limits.
    ///
    /// Limits of different keys are on different servers, and spread evenly. The leases of the nodes are on one of
    /// them, and revocations and commands on one.
    ///
    /// ```no_run
    /// use portcullis_redis::Cluster;
    ///
    /// # async fn example(secret: Vec<u8>) -> Result<(), portcullis_redis::BuildError> {
    /// let builder = Cluster::connect("redis://redis-1:6379").secret(secret);
    /// let cluster = builder.redis_cluster(["redis://redis-2:6379", "redis://redis-3:6379"]).build().await?;
    /// cluster.ready().await;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "cluster")]
    pub fn redis_cluster(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { others: Others::Cluster(urls.into_iter().map(Into::into).collect()), ..self }
    }

    /// Connects to the primary that Redis Sentinel reports. The host in the URL passed to [`Cluster::connect`] is the
    /// name of the service, such as `mymaster`, and `urls` are those of the sentinels. They are asked for the primary
    /// whenever a connection is established.
    ///
    /// Set `min-replicas-to-write 1` and `min-replicas-max-lag 1` on the servers. Otherwise a primary that is cut off
    /// keeps granting permits beside its successor.
    ///
    /// User, password and database of the URL are those of the servers. All sentinels share the user and password of
    /// the first.
    ///
    /// ```no_run
    /// use portcullis_redis::Cluster;
    ///
    /// # async fn example(secret: Vec<u8>) -> Result<(), portcullis_redis::BuildError> {
    /// let builder = Cluster::connect("redis://limits:password@mymaster").secret(secret);
    /// let cluster = builder.sentinels(["redis://sentinel-1:26379", "redis://sentinel-2:26379"]).build().await?;
    /// cluster.ready().await;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "sentinel")]
    pub fn sentinels(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { others: Others::Sentinels(urls.into_iter().map(Into::into).collect()), ..self }
    }

    /// Sets the secret, of at least 16 bytes, with which the names of keys are hashed. Without it, subjects and
    /// addresses could be guessed from the contents of Redis.
    ///
    /// All nodes need the same secret. With another one, a node counts for itself without any error.
    ///
    /// ```
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BuildError> {
    /// let build = async |secret: &[u8]| Cluster::connect("redis://127.0.0.1:1").secret(secret).lazy().build().await;
    /// assert!(matches!(build(b"too short").await, Err(BuildError::Setting(_))));
    ///
    /// let (one, other) = (build(&[7; 32]).await?, build(&[8; 32]).await?); // take the secret from a random source
    /// assert_eq!(one.name("subject", "alice"), build(&[7; 32]).await?.name("subject", "alice"));
    /// assert_ne!(one.name("subject", "alice"), other.name("subject", "alice"));
    /// # Ok(()) }
    /// ```
    pub fn secret(self, secret: impl Into<Vec<u8>>) -> Self {
        Self { secret: secret.into(), ..self }
    }

    /// Sets the prefix of all keys in Redis, `portcullis` by default. Nodes with different prefixes share nothing. It
    /// must not be empty or contain braces.
    ///
    /// Two services on one server need two prefixes, and two users, each with the rights for its own. To keep apart
    /// limits of one service, use [`Cluster::scope`].
    ///
    /// ```
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// assert!(builder().namespace("chat:eu").build().await.is_ok());
    /// // Braces would say which server of a Redis Cluster has a key.
    /// for namespace in ["", "{chat}"] {
    ///     let refused = builder().namespace(namespace).build().await;
    ///     assert!(matches!(refused, Err(BuildError::Setting(_))));
    /// }
    /// # }
    /// ```
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// Sets how long after its last beat a node's permits stay valid, 10 s by default. At least three beats.
    ///
    /// With a longer lease, the permits of a node that was killed are free later. With a shorter one, a node that
    /// stands still for a moment loses what it holds: see [`on_fenced`](Self::on_fenced).
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// assert!(builder().lease(Duration::from_secs(3)).beat(Duration::from_secs(1)).build().await.is_ok());
    /// let late = builder().lease(Duration::from_secs(3)).beat(Duration::from_secs(2)).build().await;
    /// assert!(matches!(late, Err(BuildError::Setting("a lease is at least three beats"))));
    /// # }
    /// ```
    pub fn lease(self, lease: Duration) -> Self {
        Self { times: Times { lease, ..self.times }, ..self }
    }

    /// Sets how often a node renews its lease, every second by default.
    ///
    /// This is also how soon a node notices that Redis is back or has lost its data, and how long
    /// [`WhenAway`] applies after that: three beats. Each beat costs the server about 70 µs with 100 nodes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// assert!(builder().beat(Duration::from_millis(500)).build().await.is_ok());
    /// assert!(matches!(builder().beat(Duration::ZERO).build().await, Err(BuildError::Setting(_))));
    /// # }
    /// ```
    pub fn beat(self, beat: Duration) -> Self {
        Self { times: Times { beat, ..self.times }, ..self }
    }

    /// Sets how long a handshake waits for Redis in all, however many layers ask it. 100 ms by default.
    ///
    /// A round trip in one data centre is below a millisecond, so a handshake that waits this long has met a pause. A
    /// shorter deadline turns short pauses into what [`WhenAway`] says; a longer one lets clients wait. After three
    /// handshakes in a row that had no answer, none waits until Redis has answered a beat.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use portcullis_redis::Cluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let builder = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// let cluster = builder.deadline(Duration::from_millis(50)).build().await?;
    /// assert!(cluster.deadline().at() <= Instant::now() + Duration::from_millis(50));
    /// # Ok(()) }
    /// ```
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { times: Times { deadline, ..self.times }, ..self }
    }

    /// Sets how long this node decides by its copy of all revocations when it receives no new ones, 30 s by default.
    /// After that it refuses new handshakes, unless [`WhenAway::Alone`] is set. At least three beats.
    ///
    /// It is the longest time for which a revoked token may still be accepted on a node that is cut off. A shorter time
    /// makes that smaller, and refuses all handshakes with tokens sooner when Redis is away. It does not concern nodes
    /// without `Revocations`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_jwt::Revocations;
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BuildError> {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// let soon = builder().stale_after(Duration::from_secs(2)).build().await;
    /// assert!(matches!(soon, Err(BuildError::Setting("copies are stale after at least three beats"))));
    ///
    /// let cluster = builder().stale_after(Duration::from_secs(5)).build().await?;
    /// assert!(!cluster.health().stale, "it has no copy");
    /// let revocations = Revocations::new().shared(&cluster);
    /// assert!(cluster.health().stale, "it has one, which was never complete");
    /// # let _ = revocations;
    /// # Ok(()) }
    /// ```
    pub fn stale_after(self, time: Duration) -> Self {
        Self { times: Times { stale_after: time, ..self.times }, ..self }
    }

    /// Sets what layers do while Redis is unreachable. [`Cluster::when_away`] overrides it for a single layer.
    ///
    /// [`WhenAway`] has an example of what each admits. Choose by what is worse: to refuse customers for as long as
    /// Redis is down, or to let a limit be exceeded. Either way, each node enforces the whole limit for itself.
    pub fn when_away(self, when_away: WhenAway) -> Self {
        Self { when_away, ..self }
    }

    /// Sets what happens to this node's connections when its lease has expired. By default they stay open:
    /// [`OnFenced::Keep`]. Connections that count towards a limit on the whole service are meant, too.
    pub fn on_fenced(self, on_fenced: OnFenced) -> Self {
        Self { on_fenced, ..self }
    }

    /// Sets how many nodes there are, to compute shares before Redis was reached: see [`lazy`](Self::lazy). As soon as
    /// Redis has answered a beat, the number of nodes that live is used instead.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use portcullis_redis::{Cluster, Denied, PermitRequest};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// let four = builder().nodes(NonZeroUsize::new(4).unwrap()).build().await?;
    /// for (cluster, admits) in [(four, 25), (builder().build().await?, 0)] {
    ///     let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 100)];
    ///     match cluster.take(&wanted, cluster.deadline(), |_| {}).await {
    ///         Err(Denied::Away(away)) => assert_eq!(away.of(100), admits),
    ///         other => panic!("{other:?}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn nodes(self, nodes: NonZeroUsize) -> Self {
        Self { nodes: Some(nodes), ..self }
    }

    /// Starts without Redis if it is unreachable. Until it is reached, layers do what [`when_away`](Self::when_away)
    /// says. [`WhenAway::Share`] needs the number of [`nodes`](Self::nodes) then; without it, new handshakes are
    /// refused.
    ///
    /// A server that refuses the password, or that is unsuitable, is still an error.
    ///
    /// ```
    /// use portcullis_redis::{BuildError, Cluster, ClusterState};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BuildError> {
    /// let builder = || Cluster::connect("redis://127.0.0.1:1").secret([7; 32]); // where nothing listens
    /// assert!(matches!(builder().build().await, Err(BuildError::Unreachable(_))));
    /// let cluster = builder().lazy().build().await?;
    /// assert!(!cluster.health().is_ready());
    /// # Ok(()) }
    /// ```
    pub fn lazy(self) -> Self {
        Self { lazy: true, ..self }
    }

    /// Trusts your own certificate authority, as PEM, instead of those of the operating system. For a `rediss://` URL
    /// only.
    ///
    /// ```
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let builder = |url: &str| Cluster::connect(url).secret([7; 32]).lazy();
    /// let not_pem = builder("rediss://127.0.0.1:1").root_certificate("no certificate").build().await;
    /// assert!(matches!(not_pem, Err(BuildError::Setting("the root certificate is not one in PEM"))));
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn root_certificate(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { root: Some(pem.into()), ..self }
    }

    /// Connects, and joins the other nodes.
    ///
    /// Limits are shared once [`Cluster::ready`] returns. With a new, empty server this takes three beats, because it
    /// looks like one that has lost its data: until then, layers do what [`when_away`](Self::when_away) says, and
    /// handshakes that need `Revocations` are refused.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a setting is wrong, or if the server is unreachable, refuses the password, is older than 6.2,
    /// or has a `maxmemory-policy` that evicts keys.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime.
    pub async fn build(self) -> Result<Cluster, BuildError> {
        let Times { lease, beat, deadline, stale_after } = self.times;
        check_settings(&self.secret, &self.namespace, &self.times)?;
        let client = self.client()?;
        match check_server(&client, beat.max(deadline)).await {
            Err(BuildError::Unreachable(_)) if self.lazy => {}
            result => result?,
        }
        let settings = Settings {
            client,
            keys: Keys::new(&self.namespace),
            secret: Secret::new(&self.secret),
            lease,
            beat,
            deadline,
            stale_after,
            on_fenced: self.on_fenced,
            nodes: self.nodes,
        };
        Ok(Cluster::begin(Arc::new(Node::new(settings)), self.when_away))
    }

    fn client(&self) -> Result<Client, BuildError> {
        #[cfg(feature = "tls")]
        let root = self.root.as_deref();
        let servers = Servers {
            url: &self.url,
            others: &self.others,
            #[cfg(feature = "tls")]
            root,
        };
        servers.client()
    }
}

/// Omits the URL, which contains a password, and the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("namespace", &self.namespace)
            .field("lease", &self.times.lease)
            .finish_non_exhaustive()
    }
}
