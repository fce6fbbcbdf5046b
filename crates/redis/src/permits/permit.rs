//! What a connection holds as long as it counts.
//!
//! A permit is one object for all keys of a connection. Keys may be left one by one, when a client turns out to be
//! another subject, and all are left when the object is dropped. Neither waits for the store.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use portcullis_core::shared::{Deadline, Name, OnGone, PermitRequest, WhenFull};

use super::{local_permits::Recorded, settle};
use crate::{
    lock::lock,
    node::{NoAnswer, Node, OnFenced},
    places::Place,
};

/// A permit of each of some keys, for one connection. Given back when it is dropped.
///
/// Keep it for as long as the connection counts, in the task that serves the connection. Dropping it never blocks: the
/// store is told from another task, and if it is away, when it is back.
///
/// Whether the permit was granted by the store ([`Cluster::take`](crate::Cluster::take)) or admitted by this node alone
/// ([`Cluster::keep`](crate::Cluster::keep)) makes no difference after that.
///
/// ```
/// use portcullis_redis::{Cluster, PermitRequest, WhenAway};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), portcullis_redis::BuildError> {
/// // Nothing listens here, as while Redis is down.
/// let builder = Cluster::connect("redis://127.0.0.1:1").secret([7; 32]).lazy();
/// let cluster = builder.when_away(WhenAway::Alone).build().await?;
/// let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 5).evict_oldest()];
///
/// let permit = cluster.keep(&wanted, |gone| println!("the connection must close: {gone:?}"));
/// // The handshake is accepted. The store is told later, and evicts the oldest then.
/// assert!(!permit.settle(cluster.deadline()).await);
/// drop(permit); // when the connection has ended
/// # Ok(()) }
/// ```
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit {
    node: Arc<Node>,
    number: u64,
    /// Whose it was when it was taken. Used only while the node has no incarnation.
    incarnation: u64,
    keys: Mutex<Vec<PermitRequest>>,
    places: Mutex<Vec<Place>>,
    on_gone: OnGone,
    settled: AtomicBool,
}

impl Permit {
    pub(super) fn new(
        node: &Arc<Node>,
        number: u64,
        incarnation: u64,
        wanted: &[PermitRequest],
        places: Vec<Place>,
        on_gone: OnGone,
    ) -> Self {
        if !places.is_empty() && node.settings.on_fenced == OnFenced::Close {
            lock(&node.held).enter_pool(number, on_gone.clone());
        }
        let (keys, places) = (Mutex::new(wanted.to_vec()), Mutex::new(places));
        Self { node: node.clone(), number, incarnation, keys, places, on_gone, settled: AtomicBool::new(false) }
    }

    /// Completes the handshake: if a limit that evicts is exceeded, the oldest connections are told to close, on
    /// whichever node they are. Returns true if the store was told in time; otherwise it is told when it is back.
    ///
    /// Call it once, when the connection is sure to be there. Until then it does not count towards limits that evict,
    /// so that a handshake that fails closes no other connection. Other limits count from
    /// [`Cluster::take`](crate::Cluster::take) on, and need no settling.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, keys that were not settled yet are not counted, and the others are told later.
    pub async fn settle(&self, by: Deadline) -> bool {
        // Stored before the lock of `keys`, and loaded after it: a `leave` at the same moment has either removed its
        // key before this reads them, and then the key is not settled, or it sees the flag.
        self.settled.store(true, Ordering::Release);
        let evicting: Vec<_> =
            lock(&self.keys).iter().filter(|one| one.when_full == WhenFull::EvictOldest).copied().collect();
        let mut told = true;
        for one in evicting {
            let settled = settle::settle(&self.node, self.number, &one, by, self.on_gone.clone()).await;
            told &= settled != Err(NoAnswer);
        }
        told
    }

    /// Gives up the permit of one key, and keeps the others. Does nothing if the key is none of this permit, or was
    /// given up before.
    ///
    /// A connection that turns out to be another client's leaves one key this way, and takes a permit of another.
    ///
    /// ```no_run
    /// use portcullis_redis::{Cluster, Denied, PermitRequest};
    ///
    /// # async fn example(cluster: Cluster) -> Result<(), Denied> {
    /// let anonymous = cluster.name("unauthenticated", "");
    /// let address = cluster.name("client", "192.0.2.1");
    /// let wanted = [PermitRequest::of_pool(anonymous, 100), PermitRequest::new(address, 10)];
    /// let permit = cluster.take(&wanted, cluster.deadline(), |_| {}).await?;
    ///
    /// // Its first message has a token.
    /// let alice = [PermitRequest::new(cluster.name("subject", "alice"), 5)];
    /// let subject = cluster.take(&alice, cluster.deadline(), |_| {}).await?;
    /// permit.leave(anonymous);
    /// // Both are kept until the connection ends: one for its address, the other for its subject.
    /// drop((permit, subject));
    /// # Ok(())
    /// # }
    /// ```
    pub fn leave(&self, name: Name) {
        let left = {
            let mut keys = lock(&self.keys);
            let at = keys.iter().position(|one| one.name == name);
            at.map(|at| keys.swap_remove(at))
        };
        // What gives a place back takes a lock of its own.
        let place = {
            let mut places = lock(&self.places);
            let at = places.iter().position(|place| place.is_of(name));
            at.map(|at| places.swap_remove(at))
        };
        drop(place);
        self.leave_pools();
        if let Some(one) = left.filter(|one| !one.pool) {
            self.release(&one);
        }
    }

    /// A connection without a place is not told of the end of a lease on account of one.
    fn leave_pools(&self) {
        if self.node.settings.on_fenced == OnFenced::Close && lock(&self.places).is_empty() {
            lock(&self.node.held).leave_pools(self.number);
        }
    }

    fn release(&self, one: &PermitRequest) {
        let name = one.name;
        let told = lock(&self.node.held).leave(name, self.number);
        // The present one: after a lease was lost, what is held was said under another than it was taken by.
        let incarnation = self.node.own_incarnation().unwrap_or(self.incarnation);
        match told {
            Some(Recorded::No) => return,
            None if one.when_full != WhenFull::EvictOldest || !self.settled.load(Ordering::Acquire) => return,
            Some(Recorded::Perhaps) => {
                lock(&self.node.releases).given_up(name, incarnation, self.number);
                self.node.note(|events| events.given_up += 1);
            }
            // Of those that are not held any longer, it made room, and is among those that must close.
            Some(Recorded::At(_)) | None => lock(&self.node.releases).now(name, incarnation, self.number),
        }
        self.node.work.notify_one();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // What gives a place back takes a lock of its own, so it is dropped when this one is released.
        let places = std::mem::take(&mut *lock(&self.places));
        drop(places);
        self.leave_pools();
        let keys = std::mem::take(&mut *lock(&self.keys));
        for one in keys.into_iter().filter(|one| !one.pool) {
            self.release(&one);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("number", &self.number).finish_non_exhaustive()
    }
}
