//! How a node is set, and what is checked before it starts.

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

/// The shortest secret.
const SECRET: usize = 16;

/// Settings of a node. All nodes that share limits have the same server, namespace, secret, lease and beat.
///
/// # Defaults
///
/// Namespace `portcullis`, a lease of 10 s, a beat of 1 s, a deadline of 100 ms, [`WhenAway::Share`],
/// [`OnFenced::Keep`]. There is no default for the secret.
#[must_use]
pub struct Builder {
    url: String,
    others: Others,
    namespace: String,
    secret: Vec<u8>,
    lease: Duration,
    beat: Duration,
    deadline: Duration,
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
            when_away: WhenAway::default(),
            on_fenced: OnFenced::default(),
            nodes: None,
            lazy: false,
            #[cfg(feature = "tls")]
            root: None,
        }
    }

    /// The URL is that of one server of a Redis Cluster, and these are of others: which one is asked first does not
    /// matter, and those that are not named are found.
    ///
    /// What a server loses when it begins anew without its data, or fails over to a replica that lags, is said again
    /// within a beat: until then its keys may be over their limits.
    #[cfg(feature = "cluster")]
    pub fn redis_cluster(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { others: Others::Cluster(urls.into_iter().map(Into::into).collect()), ..self }
    }

    /// The host in the URL is what sentinels call the service, such as `mymaster`, and these are the sentinels. They
    /// are asked where its primary is whenever a connection is made.
    ///
    /// Set `min-replicas-to-write 1` and `min-replicas-max-lag 1` on the servers: a primary that is cut off goes on
    /// granting until it knows, and so does its successor.
    #[cfg(feature = "sentinel")]
    pub fn sentinels(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { others: Others::Sentinels(urls.into_iter().map(Into::into).collect()), ..self }
    }

    /// The secret by which names of keys are hashed, of at least 16 bytes: without it, subjects and addresses could be
    /// guessed from what stands in Redis.
    pub fn secret(self, secret: impl Into<Vec<u8>>) -> Self {
        Self { secret: secret.into(), ..self }
    }

    /// What the names of all keys in Redis begin with. No braces.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// How long others wait for a node that is gone, until what it held is void. At least three beats.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// How often a node renews its lease.
    pub fn beat(self, beat: Duration) -> Self {
        Self { beat, ..self }
    }

    /// How long a handshake waits for Redis, however many layers ask.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// What layers do while Redis cannot be asked. [`Cluster::when_away`] sets it for one of them.
    pub fn when_away(self, when_away: WhenAway) -> Self {
        Self { when_away, ..self }
    }

    /// What becomes of this node's connections when its lease has run out.
    pub fn on_fenced(self, on_fenced: OnFenced) -> Self {
        Self { on_fenced, ..self }
    }

    /// How many nodes there are, for shares of a limit before Redis was heard of: see [`lazy`](Self::lazy).
    pub fn nodes(self, nodes: NonZeroUsize) -> Self {
        Self { nodes: Some(nodes), ..self }
    }

    /// Begins without Redis where it cannot be reached. Until it is, layers do what [`when_away`](Self::when_away)
    /// says; to share, how many [`nodes`](Self::nodes) there are must be known, else newcomers are refused.
    ///
    /// A server that refuses the password or is unfit is an error all the same.
    pub fn lazy(self) -> Self {
        Self { lazy: true, ..self }
    }

    /// A certificate authority of your own, as PEM, in place of those of the operating system.
    #[cfg(feature = "tls")]
    pub fn root_certificate(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { root: Some(pem.into()), ..self }
    }

    /// Connects, and joins the other nodes.
    ///
    /// Limits count for all nodes as soon as [`Cluster::ready`] returns: at the first start after an installation that
    /// is after three beats, because an empty server looks like one that has lost its data.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] if a setting is wrong, the server cannot be reached, refuses the password, is older than 6.2,
    /// or has a `maxmemory-policy` that evicts keys.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
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

/// Neither the URL, which holds a password, nor the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("namespace", &self.namespace)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
