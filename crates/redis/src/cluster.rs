//! The handle of a node, which layers ask for permits and rates.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use portcullis_core::{
    Decision,
    shared::{
        Away, Buyer, Charged, Command, CommandHandler, Deadline, Denied, Gone, Member, Name, NodeId, OnGone,
        PermitRequest, Purchase, Rate, Revocation, RevocationCopy, ShareCommands, SharePermits, ShareQuotas,
        ShareRates, ShareRevocations, ShareTickets, SharedPermit, Spent, Taken,
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    away::WhenAway,
    builder::Builder,
    bus::{self, Message},
    health::Health,
    node::{self, Node},
    permits::{self, Permit, TakeError},
    quota, rate, tickets,
};

/// This node, among all nodes that share limits. Clones are the same node.
///
/// The node lives as long as a clone does. After that it no longer renews its lease, and what it held is free when the
/// lease has expired, or at once after [`leave`](Self::leave).
#[derive(Clone)]
pub struct Cluster {
    node: Arc<Node>,
    when_away: WhenAway,
    scope: Arc<str>,
    _tasks: Arc<Tasks>,
}

/// What works for a node, for as long as this is held.
struct Tasks([JoinHandle<()>; 6]);

impl Cluster {
    /// Begins a node on a Redis or Valkey server: `redis://user:password@host:port/database`, or `rediss://` for TLS
    /// (feature `tls`). Nothing is connected before [`Builder::build`].
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
    /// values that look alike, such as a subject and a room.
    pub fn name(&self, kind: &str, value: impl AsRef<[u8]>) -> Name {
        self.node.settings.secret.name(&[&self.scope, kind], value.as_ref())
    }

    /// Returns the deadline of a handshake that begins now.
    pub fn deadline(&self) -> Deadline {
        Deadline::within(self.node.settings.deadline)
    }

    /// Takes a permit of each key, or none. `on_gone` is called once, from any task, if the connection must close; it
    /// must not block.
    ///
    /// While the store is away, the future is ready at the first poll and nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Denied`] if one of the limits is reached, or the store does not answer by the deadline.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is taken: what the store carries out all the same is given back.
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
    pub fn keep(&self, wanted: &[PermitRequest], on_gone: impl Fn(Gone) + Send + Sync + 'static) -> Permit {
        permits::keep(&self.node, wanted, Arc::new(on_gone))
    }

    /// Charges a handshake. Returns `Ok(Err(wait))` if the rate does not allow it for that time.
    ///
    /// # Errors
    ///
    /// [`Away`] if the store does not answer by the deadline.
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

    /// Returns the state of this node, for a readiness probe.
    pub fn health(&self) -> Health {
        self.node.health()
    }

    /// Returns a receiver of [`health`](Self::health), which changes whenever something happens. An expired lease is
    /// not an event: call `health` to see it.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.node.watch()
    }

    /// Waits until limits count for all nodes. Cancel safe.
    pub async fn ready(&self) {
        let mut watch = self.watch();
        // What is watched is as old as the last event: a lease may have run out since.
        while !self.health().is_ready() && watch.changed().await.is_ok() {}
    }

    /// Tells the node that the server stops: it takes nothing more, whatever [`when_away`](Self::when_away) says, and
    /// gives back what it does not use. What its connections hold counts until they end. `Drain::cluster` calls this.
    ///
    /// ```
    /// use portcullis_redis::{Away, Cluster, Denied, PermitRequest, WhenAway};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().when_away(WhenAway::Alone);
    /// let cluster = cluster.build().await?;
    /// let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 5)];
    /// let before = cluster.take(&wanted, cluster.deadline(), |_| {}).await;
    /// assert_eq!(before.unwrap_err(), Denied::Away(Away::Alone), "this node admits by itself");
    ///
    /// cluster.drain();
    /// let after = cluster.take(&wanted, cluster.deadline(), |_| {}).await;
    /// assert!(matches!(after.unwrap_err(), Denied::Away(Away::Refuse { .. })));
    /// # Ok(()) }
    /// ```
    pub fn drain(&self) {
        node::drain(&self.node);
    }

    /// Leaves the other nodes: everything that this node holds is free at once, instead of when its lease expires. Call
    /// it when the node's connections have ended. Nothing is asked of the store after that.
    pub async fn leave(&self) {
        node::leave(&self.node).await;
    }

    async fn take_or(&self, wanted: &[PermitRequest], by: Deadline, on_gone: OnGone) -> Result<Permit, Denied> {
        permits::take(&self.node, wanted, by, on_gone).await.map_err(|no| match no {
            TakeError::Full(which) => Denied::Full(which),
            TakeError::NoAnswer => Denied::Away(self.away()),
        })
    }

    fn undivided(&self) -> Away {
        let when_away = if self.node.drains() { WhenAway::Refuse } else { self.when_away };
        when_away.undivided(self.node.retry_after())
    }

    /// Whose commands these are.
    fn scope_name(&self) -> Name {
        self.name("scope", "")
    }

    fn away(&self) -> Away {
        let when_away = if self.node.drains() { WhenAway::Refuse } else { self.when_away };
        quota::away(&self.node, when_away)
    }
}

impl SharePermits for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn patience(&self) -> Duration {
        self.node.settings.deadline
    }

    fn take(&self, wanted: Vec<PermitRequest>, by: Deadline, on_gone: OnGone) -> Taken {
        let cluster = self.clone();
        Decision::wait(async move {
            let permit = cluster.take_or(&wanted, by, on_gone).await?;
            Ok(Arc::new(permit) as Arc<dyn SharedPermit>)
        })
    }

    fn keep(&self, wanted: Vec<PermitRequest>, on_gone: OnGone) -> Arc<dyn SharedPermit> {
        Arc::new(permits::keep(&self.node, &wanted, on_gone))
    }
}

impl ShareRates for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn patience(&self) -> Duration {
        self.node.settings.deadline
    }

    fn charge(&self, name: Name, rate: Rate, by: Deadline) -> Charged {
        let cluster = self.clone();
        Decision::wait(async move { cluster.charge(name, rate, by).await })
    }
}

impl Member for Cluster {
    fn drain(&self) {
        self.drain();
    }

    fn drained(&self) -> Decision<()> {
        Decision::wait(node::drained(self.node.clone()))
    }
}

impl ShareQuotas for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn patience(&self) -> Duration {
        self.node.settings.deadline
    }

    fn away(&self) -> Away {
        self.away()
    }

    fn nodes(&self) -> usize {
        quota::nodes(&self.node)
    }

    fn buy(&self, purchase: Purchase, buyer: Arc<dyn Buyer>) -> Result<(), Away> {
        quota::buy(&self.node, purchase, buyer, self.when_away)
    }

    fn give_back(&self, name: Name, rate: Rate, cells: u64) {
        quota::give_back(&self.node, name, rate, cells);
    }
}

impl ShareTickets for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn patience(&self) -> Duration {
        self.node.settings.deadline
    }

    fn spend(&self, name: Name, life: Duration, by: Deadline) -> Spent {
        let cluster = self.clone();
        Decision::wait(async move { cluster.spend(name, life, by).await })
    }
}

impl ShareRevocations for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn publish(&self, revocation: Revocation) -> Decision<bool> {
        self.node.outbox.post(Message::Revocation(revocation))
    }

    fn follow(&self, copy: Weak<dyn RevocationCopy>) {
        self.node.outbox.follow(|followers| followers.follow(copy));
    }

    fn stale(&self) -> Option<Away> {
        self.node.is_stale().then(|| self.undivided())
    }
}

impl ShareCommands for Cluster {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        self.name(kind, value)
    }

    fn node(&self) -> NodeId {
        self.node.outbox.node
    }

    fn send(&self, command: Command) -> Decision<bool> {
        self.node.outbox.post(Message::Command { scope: self.scope_name(), command })
    }

    fn deliver(&self, to: Weak<dyn CommandHandler>) {
        let scope = self.scope_name();
        self.node.outbox.follow(|followers| followers.deliver(scope, to));
    }
}

impl SharedPermit for Permit {
    fn settle(self: Arc<Self>, by: Deadline) -> Decision<bool> {
        Decision::wait(async move { Self::settle(&self, by).await })
    }

    fn leave(&self, name: Name) {
        self.leave(name);
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
