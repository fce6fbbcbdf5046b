//! What layers ask of a node, through the traits of `portcullis_core::shared`.
//!
//! Layers know the traits and not this crate, so another engine is another crate with these implementations. Each of
//! them is a few lines, and delegates to the module that does the work. What has to hold for all:
//!
//! - `patience` is the deadline for a whole handshake. Layers take the earliest of what was set before them.
//! - What may have to wait is a `Decision`, boxed, and owns a clone of the handle: the tasks of the node live as long
//!   as it is undecided.
//! - What a message must not wait for returns at once, and is done by a task: purchases and what is given back.
//! - A copy or a registry is followed weakly. It holds the handle, and would otherwise keep itself alive.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use portcullis_core::{
    Decision,
    shared::{
        Away, Buyer, Charged, Command, CommandHandler, Deadline, Member, Name, NodeId, OnGone, PermitRequest, Purchase,
        Rate, Revocation, RevocationCopy, ShareCommands, SharePermits, ShareQuotas, ShareRates, ShareRevocations,
        ShareTickets, SharedPermit, Spent, Taken,
    },
};

use crate::{
    bus::Message,
    cluster::Cluster,
    node,
    permits::{self, Permit},
    quota,
};

/// Permits: what [`Cluster::take`] and [`Cluster::keep`] do, with the requests and the callback owned.
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

/// Rates of handshakes: [`Cluster::charge`].
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

/// What a drain tells the node: first that it takes nothing more, and when its connections have ended, that it leaves.
impl Member for Cluster {
    fn drain(&self) {
        self.drain();
    }

    fn drained(&self) -> Decision<()> {
        Decision::wait(node::drained(self.node.clone()))
    }
}

/// Quotas of messages. The layer asks from a place that cannot wait, so a purchase is answered by a callback, and an
/// error at once means that there will be none.
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

/// Single-use tokens: [`Cluster::spend`].
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

/// Revocations. The layer has applied its own before it publishes them, and follows the stream for those of others;
/// what comes back to it has no effect.
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

/// Commands. Each is sent with the [scope](Cluster::scope) of the handle, and delivered to registries of that scope.
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

/// A permit behind the trait, as layers hold it. Dropping the last `Arc` gives it back.
impl SharedPermit for Permit {
    fn settle(self: Arc<Self>, by: Deadline) -> Decision<bool> {
        Decision::wait(async move { Self::settle(&self, by).await })
    }

    fn leave(&self, name: Name) {
        self.leave(name);
    }
}
