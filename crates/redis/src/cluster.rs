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

/// This node, among all that share limits. Clones are the same node.
///
/// The node lives as long as a clone does. Then it stops renewing its lease, and what it held is void when that has run
/// out, or at once after [`leave`](Self::leave).
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
    /// Connects to a Redis or Valkey server: `redis://user:password@host:port/database`, or `rediss://` for TLS
    /// (feature `tls`).
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

    /// The same node, with another word for what happens while the store cannot be asked: give it to a layer that
    /// differs from the others.
    pub fn when_away(&self, when_away: WhenAway) -> Self {
        Self { when_away, ..self.clone() }
    }

    /// The same node, for limits of another scope. Two layers that limit the same thing, such as connections of a user,
    /// count together where they are given the same scope: give each a scope of its own where their limits differ.
    pub fn scope(&self, scope: impl Into<Arc<str>>) -> Self {
        Self { scope: scope.into(), ..self.clone() }
    }

    /// What a value of a kind is called on all nodes.
    pub fn name(&self, kind: &str, value: impl AsRef<[u8]>) -> Name {
        self.node.settings.secret.name(&[&self.scope, kind], value.as_ref())
    }

    /// When a handshake that begins now stops waiting.
    pub fn deadline(&self) -> Deadline {
        Deadline::within(self.node.settings.deadline)
    }

    /// Takes a permit of each key, or none. `on_gone` is told, once and from any task, that the connection must close;
    /// it must not block.
    ///
    /// While the store is away, the answer is ready at the first poll, and nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Denied`]: one of the limits is reached, or the store cannot be asked by then.
    ///
    /// # Cancel safety
    ///
    /// A take that is dropped takes nothing: what the store may carry out all the same is taken back.
    pub async fn take(
        &self,
        wanted: &[PermitRequest],
        by: Deadline,
        on_gone: impl Fn(Gone) + Send + Sync + 'static,
    ) -> Result<Permit, Denied> {
        self.take_or(wanted, by, Arc::new(on_gone)).await
    }

    /// A permit for a connection that was admitted while the store was away, by what this node counts itself. The store
    /// is told of it when it is back.
    pub fn keep(&self, wanted: &[PermitRequest], on_gone: impl Fn(Gone) + Send + Sync + 'static) -> Permit {
        permits::keep(&self.node, wanted, Arc::new(on_gone))
    }

    /// Charges a handshake, or says how long to wait for one.
    ///
    /// # Errors
    ///
    /// The store cannot be asked by then.
    pub async fn charge(&self, name: Name, rate: Rate, by: Deadline) -> Result<Result<(), Duration>, Away> {
        rate::charge(&self.node, name, rate, by).await.map_err(|_| self.away())
    }

    /// Uses a ticket up, and remembers it for `life`. Returns whether this was its first use, on whichever node.
    ///
    /// # Errors
    ///
    /// The store cannot be asked by then: [`Away::Refuse`] or [`Away::Alone`], as a ticket cannot be shared.
    ///
    /// # Cancel safety
    ///
    /// A ticket whose future is dropped may be used up.
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

    /// How this node stands towards the store.
    pub fn health(&self) -> Health {
        self.node.health()
    }

    /// What [`health`](Self::health) returns, whenever something happens. That a lease has run out since is seen by
    /// asking.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.node.watch()
    }

    /// Waits until limits count for all nodes.
    pub async fn ready(&self) {
        let mut watch = self.watch();
        // What is watched is as old as the last event: a lease may have run out since.
        while !self.health().is_ready() && watch.changed().await.is_ok() {}
    }

    /// The server stops: from here on this node takes nothing more, whatever [`when_away`](Self::when_away) says, and
    /// gives back what it does not use. What its connections hold counts until they end. A drain does this:
    /// `Drain::cluster`.
    pub fn drain(&self) {
        node::drain(&self.node);
    }

    /// Leaves: all that this node holds is void at once, so that no other has to wait for its lease to run out. To be
    /// called when its connections have ended. Nothing is asked after that.
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
