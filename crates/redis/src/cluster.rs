//! The handle of a node, which layers ask for permits and rates.
//!
//! A [`Cluster`] is a node, a rule for when the store is away, and a scope. The last two belong to the handle and not
//! to the node, so that one node, with one lease and one connection, serves layers that differ in them. The methods of
//! the handle are what the traits of `portcullis_core::shared` ask for, and may be called without any layer.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::shared::{Away, Deadline, Denied, Gone, Name, OnGone, PermitRequest, Rate};
use tokio::task::JoinHandle;

use crate::{
    away::WhenAway,
    builder::Builder,
    bus,
    node::{self, Node},
    permits::{self, Permit, TakeError},
    quota, rate, tickets,
};

/// This node, among all nodes that share limits. Clones are the same node.
///
/// The node lives as long as a clone does. After that it no longer renews its lease, and what it held is free when the
/// lease has expired, or at once after [`leave`](Self::leave).
///
/// Build one for the whole process, and give it to every layer that shares. A second one would be another node: it has
/// a lease and connections of its own, and counts as a part of the service by which limits are divided.
///
/// A layer takes it by reference, and keeps a clone:
///
/// ```
/// use portcullis_connections::{ConnectionLimitLayer, Limit};
/// use portcullis_redis::{Cluster, WhenAway};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
/// // Five connections of a user, and ten of a paid seat, which must never be exceeded.
/// let users = ConnectionLimitLayer::new().per_subject(Limit::new(5)).shared(&cluster.scope("users"));
/// let seats = cluster.scope("seats").when_away(WhenAway::Refuse);
/// let seats = ConnectionLimitLayer::new().per_subject(Limit::new(10)).shared(&seats);
/// # let _ = (users, seats);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cluster {
    pub(crate) node: Arc<Node>,
    pub(crate) when_away: WhenAway,
    scope: Arc<str>,
    _tasks: Arc<Tasks>,
}

/// What works for a node, for as long as this is held. Tasks hold the node and not the handle, or no node would ever
/// end.
struct Tasks([JoinHandle<()>; 6]);

impl Cluster {
    /// Begins a node on a Redis or Valkey server: `redis://user:password@host:port/database`, or `rediss://` for TLS
    /// (feature `tls`). Nothing is connected before [`Builder::build`].
    ///
    /// User and password are percent-encoded in the URL. They appear in no error, log line or `Debug` output.
    ///
    /// ```
    /// use portcullis_redis::{BuildError, Cluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let builder = Cluster::connect("redis://limits:p%40ss@127.0.0.1:1/2").secret([7; 32]);
    /// assert!(!format!("{builder:?}").contains("p%40ss"));
    /// let wrong = Cluster::connect("http://127.0.0.1:1").secret([7; 32]).build().await;
    /// assert!(matches!(wrong, Err(BuildError::Url(_))));
    /// # }
    /// ```
    pub fn connect(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    pub(crate) fn begin(node: Arc<Node>, when_away: WhenAway) -> Self {
        let tasks = Tasks([
            tokio::spawn(node::beat(node.clone())),
            tokio::spawn(node::read_inbox(node.clone())),
            tokio::spawn(permits::release(node.clone())),
            tokio::spawn(quota::run(node.clone())),
            tokio::spawn(bus::send(node.clone())),
            tokio::spawn(bus::read(node.clone())),
        ]);
        Self { node, when_away, scope: Arc::from(""), _tasks: Arc::new(tasks) }
    }

    /// Returns the same node with another rule for when the store is unreachable, for a layer that differs from the
    /// others. [`WhenAway`] has an example.
    pub fn when_away(&self, when_away: WhenAway) -> Self {
        Self { when_away, ..self.clone() }
    }

    /// Returns the same node for limits of another scope. Two layers that limit the same, such as the connections of a
    /// subject, count together if they have the same scope, so give each its own if their limits differ.
    ///
    /// ```
    /// use portcullis_redis::Cluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// let (chat, games) = (cluster.scope("chat"), cluster.scope("games"));
    /// assert_ne!(chat.name("subject", "alice"), games.name("subject", "alice"));
    /// assert_eq!(chat.name("subject", "alice"), cluster.scope("chat").name("subject", "alice"));
    /// # Ok(()) }
    /// ```
    pub fn scope(&self, scope: impl Into<Arc<str>>) -> Self {
        Self { scope: scope.into(), ..self.clone() }
    }

    /// Returns the name of a value on all nodes: a hash with the [secret](Builder::secret), in which `kind` keeps apart
    /// values that look alike, such as a subject and a room. The [scope](Self::scope) is a part of it, too.
    ///
    /// Nothing but such names is stored, so that a copy of the data says nothing about your users. The value cannot be
    /// found again from a name: keep it where you need it.
    ///
    /// ```
    /// use portcullis_redis::Cluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// let alice = cluster.name("subject", "alice");
    /// assert_eq!(alice, cluster.name("subject", "alice"));
    /// assert_ne!(alice, cluster.name("room", "alice"));
    /// assert!(!format!("{alice:?}").contains("alice"));
    /// # Ok(()) }
    /// ```
    pub fn name(&self, kind: &str, value: impl AsRef<[u8]>) -> Name {
        self.node.settings.secret.name(&[&self.scope, kind], value.as_ref())
    }

    /// Returns the deadline of a handshake that begins now: [`Builder::deadline`] from this moment.
    ///
    /// Take one for each handshake, and pass it to everything that the handshake asks. Four layers that each waited for
    /// a time of their own would wait four times as long.
    pub fn deadline(&self) -> Deadline {
        Deadline::within(self.node.settings.deadline)
    }

    /// Takes a permit of each key, or none. `on_gone` is called once, from any task, if the connection must close; it
    /// must not block.
    ///
    /// Keys are asked for in order, so put the one that is most likely to be full first.
    ///
    /// While the store is away, the future is ready at the first poll and nothing is sent.
    ///
    /// # Errors
    ///
    /// - [`Denied::Full`] with the index of the request whose limit is reached: refuse the connection.
    /// - [`Denied::Away`] if the store does not answer by the deadline, or limits do not count for all nodes at the
    ///   moment. [`Away::of`] says how many connections of a limit this node may have then, by your own count. If you
    ///   admit one, [`keep`](Self::keep) a permit for it.
    ///
    /// # Panics
    ///
    /// Not by itself. But `on_gone` must not panic: it runs in a task of the node, and a node whose task has ended is
    /// away for good.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is taken: what the store carries out all the same is given back.
    ///
    /// ```no_run
    /// use portcullis_redis::{Cluster, Denied, PermitRequest};
    ///
    /// # async fn example(cluster: Cluster) -> Result<(), Denied> {
    /// let wanted = |user: &str, most| [
    ///     PermitRequest::new(cluster.name("subject", user), 2),
    ///     PermitRequest::of_pool(cluster.name("service", ""), most), // the whole service
    /// ];
    /// let phone = cluster.take(&wanted("alice", 10_000), cluster.deadline(), |_| {}).await?;
    /// let _laptop = cluster.take(&wanted("alice", 10_000), cluster.deadline(), |_| {}).await?;
    /// // Of whichever node they are, two is all that she can have.
    /// let third = cluster.take(&wanted("alice", 10_000), cluster.deadline(), |_| {}).await;
    /// assert_eq!(third.unwrap_err(), Denied::Full(0));
    ///
    /// drop(phone);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With [`evict_oldest`](PermitRequest::evict_oldest) a key is never full, and `on_gone` is called on the node that
    /// has its oldest connection:
    ///
    /// ```no_run
    /// use portcullis_redis::{Cluster, Denied, Gone, PermitRequest};
    /// use tokio::sync::mpsc;
    ///
    /// # async fn example(one: Cluster, other: Cluster) -> Result<(), Denied> {
    /// let wanted = [PermitRequest::new(one.name("subject", "alice"), 1).evict_oldest()];
    /// let (gone, mut told) = mpsc::unbounded_channel();
    /// let oldest = one.take(&wanted, one.deadline(), move |why| _ = gone.send(why)).await?;
    /// assert!(oldest.settle(one.deadline()).await);
    ///
    /// let newest = other.take(&wanted, other.deadline(), |_| {}).await?;
    /// assert!(newest.settle(other.deadline()).await, "her handshake was accepted");
    /// assert_eq!(told.recv().await, Some(Gone::Replaced)); // close it with 1008
    /// # Ok(())
    /// # }
    /// ```
    pub async fn take(
        &self,
        wanted: &[PermitRequest],
        by: Deadline,
        on_gone: impl Fn(Gone) + Send + Sync + 'static,
    ) -> Result<Permit, Denied> {
        self.take_or(wanted, by, Arc::new(on_gone)).await
    }

    /// Returns a permit for a connection that was admitted by this node alone while the store was away. The store is
    /// told when it is back.
    ///
    /// It is told whether or not there is room: the connection is there. So a limit may be exceeded by what nodes kept,
    /// until connections end, and no other connection is admitted meanwhile. Keep no more than [`Away`] allows.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use portcullis_redis::{Cluster, Denied, Permit, PermitRequest};
    ///
    /// /// Admits a connection to a limit of five. `mine` is how many this node has.
    /// async fn admit(cluster: &Cluster, user: &str, mine: usize) -> Option<Permit> {
    ///     let wanted = [PermitRequest::new(cluster.name("subject", user), 5)];
    ///     match cluster.take(&wanted, cluster.deadline(), |_| {}).await {
    ///         Ok(permit) => Some(permit),
    ///         Err(Denied::Away(away)) if mine < away.of(5) => Some(cluster.keep(&wanted, |_| {})),
    ///         Err(_) => None,
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// // Three nodes, and nothing listens here: each has a share of two.
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
    /// let cluster = cluster.nodes(NonZeroUsize::new(3).unwrap()).build().await?;
    /// let (first, second) = (admit(&cluster, "alice", 0).await, admit(&cluster, "alice", 1).await);
    /// assert!(first.is_some() && second.is_some());
    /// assert!(admit(&cluster, "alice", 2).await.is_none());
    /// # Ok(()) }
    /// ```
    pub fn keep(&self, wanted: &[PermitRequest], on_gone: impl Fn(Gone) + Send + Sync + 'static) -> Permit {
        permits::keep(&self.node, wanted, Arc::new(on_gone))
    }

    /// Charges a handshake. Returns `Ok(Err(wait))` if the rate does not allow it for that time.
    ///
    /// A refused handshake costs nothing, so a client that keeps trying is admitted as often as the rate allows.
    ///
    /// # Errors
    ///
    /// [`Away`] if the store does not answer by the deadline. Count by a meter of this node then, of what
    /// [`Away::of`] leaves of the burst, or refuse.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the handshake may have been charged.
    ///
    /// ```no_run
    /// # async fn example(cluster: portcullis_redis::Cluster) -> Result<(), portcullis_redis::Away> {
    /// use std::time::Duration;
    /// use portcullis_redis::Rate;
    ///
    /// // Two at once, and one every ten seconds after that.
    /// let rate = Rate { interval: Duration::from_secs(10), burst: 2 };
    /// let client = cluster.name("client", "192.0.2.1");
    /// assert_eq!(cluster.charge(client, rate, cluster.deadline()).await?, Ok(()));
    /// assert_eq!(cluster.charge(client, rate, cluster.deadline()).await?, Ok(()), "on any node");
    /// let wait = cluster.charge(client, rate, cluster.deadline()).await?.unwrap_err();
    /// assert!(wait <= Duration::from_secs(10), "the `Retry-After` of a 429");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn charge(&self, name: Name, rate: Rate, by: Deadline) -> Result<Result<(), Duration>, Away> {
        rate::charge(&self.node, name, rate, by).await.map_err(|_| self.away())
    }

    /// Uses a ticket and remembers it for `life`. Returns true if this was its first use on any node.
    ///
    /// # Errors
    ///
    /// [`Away::Refuse`] or [`Away::Alone`] if the store does not answer by the deadline; a ticket cannot be shared.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the ticket may have been used.
    ///
    /// ```no_run
    /// # async fn example(cluster: portcullis_redis::Cluster) -> Result<(), portcullis_redis::Away> {
    /// use std::time::Duration;
    ///
    /// let ticket = cluster.name("ticket", "7c9e6679");
    /// assert!(cluster.spend(ticket, Duration::from_secs(60), cluster.deadline()).await?);
    /// assert!(!cluster.spend(ticket, Duration::from_secs(60), cluster.deadline()).await?, "on any node");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn spend(&self, name: Name, life: Duration, by: Deadline) -> Result<bool, Away> {
        tickets::spend(&self.node, name, life, by).await.map_err(|_| self.undivided())
    }

    pub(crate) async fn take_or(
        &self,
        wanted: &[PermitRequest],
        by: Deadline,
        on_gone: OnGone,
    ) -> Result<Permit, Denied> {
        permits::take(&self.node, wanted, by, on_gone).await.map_err(|no| match no {
            TakeError::Full(which) => Denied::Full(which),
            TakeError::NoAnswer => Denied::Away(self.away()),
        })
    }

    pub(crate) fn undivided(&self) -> Away {
        // A node that drains is to take nothing more, and must not go on by itself because it no longer asks.
        let when_away = if self.node.drains() { WhenAway::Refuse } else { self.when_away };
        when_away.undivided(self.node.retry_after())
    }

    /// Whose commands these are.
    pub(crate) fn scope_name(&self) -> Name {
        self.name("scope", "")
    }

    pub(crate) fn away(&self) -> Away {
        let when_away = if self.node.drains() { WhenAway::Refuse } else { self.when_away };
        quota::away(&self.node, when_away)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("health", &self.health()).finish_non_exhaustive()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
