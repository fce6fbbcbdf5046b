//! How a node is set, and what is checked before it starts.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use redis::Client;

use crate::{
    away::WhenAway,
    check::check,
    cluster::Cluster,
    error::BuildError,
    key::{Keys, Secret},
    node::{Node, OnFenced, Settings, connect},
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

    #[cfg(not(feature = "tls"))]
    fn client(&self) -> Result<Client, BuildError> {
        if self.url.starts_with("rediss:") {
            return Err(BuildError::Setting("`rediss://` needs feature `tls` of portcullis-redis"));
        }
        Client::open(self.url.as_str()).map_err(|error| BuildError::Url(error.to_string()))
    }

    #[cfg(feature = "tls")]
    fn client(&self) -> Result<Client, BuildError> {
        use redis::TlsCertificates;
        use tokio_rustls::rustls::{
            crypto::{CryptoProvider, ring},
            pki_types::{CertificateDer, pem::PemObject},
        };

        let is_certificate = |pem: &Vec<u8>| CertificateDer::pem_slice_iter(pem).any(|one| one.is_ok());
        if self.root.as_ref().is_some_and(|root| !is_certificate(root)) {
            return Err(BuildError::Setting("the root certificate is not one in PEM"));
        }

        if self.url.starts_with("rediss:") && CryptoProvider::get_default().is_none() {
            // An error means that the application was quicker.
            let _ = ring::default_provider().install_default();
        }
        let client = match self.root.clone() {
            Some(root) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(root) };
                Client::build_with_tls(self.url.as_str(), certificates)
            }
            None => Client::open(self.url.as_str()),
        };
        client.map_err(|error| BuildError::Url(error.to_string()))
    }
}

async fn check_server(client: &Client, patience: Duration) -> Result<(), BuildError> {
    let mut connection = connect(client, patience).await.map_err(|error| BuildError::of(&error))?;
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
