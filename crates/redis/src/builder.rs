//! The builder of a node, and what is checked before it starts.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use crate::{
    away::WhenAway,
    check::check,
    cluster::Cluster,
    error::BuildError,
    key::{Keys, Secret},
    link::Client,
    node::{Node, OnFenced, Settings},
    servers::{Others, Servers},
};

/// The minimum length of the secret, in bytes.
const SECRET: usize = 16;

/// Builds a [`Cluster`]. All nodes that share limits need the same server, namespace, secret, lease and beat.
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
    lease: Duration,
    beat: Duration,
    deadline: Duration,
    stale_after: Duration,
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
            lease: Duration::from_secs(10),
            beat: Duration::from_secs(1),
            deadline: Duration::from_millis(100),
            stale_after: Duration::from_secs(30),
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
        Self { lease, ..self }
    }

    /// Sets how often a node renews its lease, every second by default.
    pub fn beat(self, beat: Duration) -> Self {
        Self { beat, ..self }
    }

    /// Sets how long a handshake waits for Redis in all, however many layers ask it. 100 ms by default.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Sets how long this node decides by its copy of all revocations when it receives no new ones, 30 s by default.
    /// After that it refuses new handshakes, unless [`WhenAway::Alone`] is set. At least three beats.
    pub fn stale_after(self, time: Duration) -> Self {
        Self { stale_after: time, ..self }
    }

    /// Sets what layers do while Redis is unreachable. [`Cluster::when_away`] overrides it for a single layer.
    pub fn when_away(self, when_away: WhenAway) -> Self {
        Self { when_away, ..self }
    }

    /// Sets what happens to this node's connections when its lease has expired. By default they stay open:
    /// [`OnFenced::Keep`].
    pub fn on_fenced(self, on_fenced: OnFenced) -> Self {
        Self { on_fenced, ..self }
    }

    /// Sets how many nodes there are, to compute shares before Redis was reached: see [`lazy`](Self::lazy).
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

    /// Trusts your own certificate authority, as PEM, instead of those of the operating system.
    #[cfg(feature = "tls")]
    pub fn root_certificate(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { root: Some(pem.into()), ..self }
    }

    /// Connects, and joins the other nodes.
    ///
    /// Limits are shared once [`Cluster::ready`] returns. With a new, empty server this takes three beats, because it
    /// looks like one that has lost its data.
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
        self.validate()?;
        let client = self.client()?;
        match check_server(&client, self.beat.max(self.deadline)).await {
            Err(BuildError::Unreachable(_)) if self.lazy => {}
            result => result?,
        }
        let settings = Settings {
            client,
            keys: Keys::new(&self.namespace),
            secret: Secret::new(&self.secret),
            lease: self.lease,
            beat: self.beat,
            deadline: self.deadline,
            stale_after: self.stale_after,
            on_fenced: self.on_fenced,
            nodes: self.nodes,
        };
        Ok(Cluster::begin(Arc::new(Node::new(settings)), self.when_away))
    }

    fn validate(&self) -> Result<(), BuildError> {
        let sentence = if self.secret.len() < SECRET {
            "a secret of at least 16 bytes is needed: `Builder::secret`"
        } else if self.namespace.is_empty() || self.namespace.contains(['{', '}']) {
            "a namespace is not empty and has no braces"
        } else if self.beat.is_zero() || self.deadline.is_zero() {
            "a beat and a deadline are longer than nothing"
        } else if self.lease < self.beat * 3 {
            "a lease is at least three beats"
        } else if self.stale_after < self.beat * 3 {
            "copies are stale after at least three beats"
        } else {
            return Ok(());
        };
        Err(BuildError::Setting(sentence))
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

async fn check_server(client: &Client, patience: Duration) -> Result<(), BuildError> {
    let mut connection = client.connect(patience).await.map_err(|error| BuildError::of(&error))?;
    let checked = tokio::time::timeout(patience, check(&mut connection)).await;
    checked.unwrap_or_else(|_| Err(BuildError::Unreachable(String::from("it does not answer"))))
}

/// Omits the URL, which contains a password, and the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("namespace", &self.namespace)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
