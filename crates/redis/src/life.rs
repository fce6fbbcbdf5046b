//! From when a node is ready until it has left.
//!
//! A server asks for these and layers do not: its readiness probe, and what it does before it accepts connections and
//! after it was told to stop. In order: `ready`, `health` or `watch` for as long as it lives, `drain`, and `leave`.
//! `Drain::cluster` of portcullis-liveness calls the last two.

use tokio::sync::watch;

use crate::{cluster::Cluster, health::Health, node};

impl Cluster {
    /// Returns the state of this node, for a readiness probe. [`Health`] has an example.
    ///
    /// It is computed when it is called, so it shows a lease that has run out without anything having happened.
    pub fn health(&self) -> Health {
        self.node.health()
    }

    /// Returns a receiver of [`health`](Self::health), which changes whenever something happens. An expired lease is
    /// not an event: call `health` to see it.
    ///
    /// Each beat is an event, so it changes at least once in a beat while the store can be reached.
    ///
    /// ```
    /// use portcullis_redis::{Cluster, ClusterState};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// let mut watch = cluster.watch();
    /// cluster.drain();
    /// watch.changed().await.expect("the node lives");
    /// assert_eq!(watch.borrow().state, ClusterState::Joining, "it was never reached");
    /// # Ok(()) }
    /// ```
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.node.watch()
    }

    /// Waits until limits count for all nodes, and this node knows everything that was revoked. Cancel safe.
    ///
    /// Await it before the server accepts connections, or let the readiness probe do so. With a server that is new, or
    /// has just lost its data, it takes three beats, and as long as other nodes need to report. It has no deadline:
    /// with [`Builder::lazy`](crate::Builder::lazy) and no server, it waits until there is one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_redis::Cluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// let ready = tokio::time::timeout(Duration::from_millis(10), cluster.ready()).await;
    /// assert!(ready.is_err(), "start anyway: layers do what `WhenAway` says");
    /// # Ok(()) }
    /// ```
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
    ///
    /// If the store cannot be told, a warning is logged, and the others wait until the lease has run out.
    /// `Drain::cluster` calls this when it has ended.
    ///
    /// ```
    /// use portcullis_redis::{Away, Cluster, ClusterState, Denied, PermitRequest};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
    /// let cluster = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy().build().await?;
    /// cluster.leave().await;
    /// assert_eq!(cluster.health().state, ClusterState::Left);
    /// let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 5)];
    /// let denied = cluster.take(&wanted, cluster.deadline(), |_| {}).await.unwrap_err();
    /// assert!(matches!(denied, Denied::Away(_)), "as if the store were away");
    /// # Ok(()) }
    /// ```
    pub async fn leave(&self) {
        node::leave(&self.node).await;
    }
}
