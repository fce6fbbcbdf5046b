//! Stops: takes nothing more, then gives up the lease, so that what it held is void at once.
//!
//! A server that is deployed anew ends in three steps, each of which helps the others to go on without it:
//!
//! 1. [`drain`]: nothing more is taken, whatever `WhenAway` says. The beat that follows at once marks the node, so that
//!    others no longer divide limits by it, and the places of pools that it does not use are given back.
//! 2. Its connections end, and each gives back what it holds.
//! 3. [`leave`]: the lease is given up, with all that is left. Others need not wait until it has run out.
//!
//! A node that is killed skips all of them, and others wait for its lease. A node that leaves while Redis is
//! unreachable cannot say so; a warning is logged.

use std::sync::Arc;

use tokio::time::timeout;

use super::Node;
use crate::{lock::lock, observe};

/// From here on nothing is taken. The others are told at once, and what is spare is given back.
pub(crate) fn drain(node: &Node) {
    lock(&node.state).membership.drain();
    node.note(|_| {});
    node.wake.notify_one();
    node.work.notify_one();
}

/// Leaves as soon as nothing is held. What is still held after a while is given back as its connections end.
pub(crate) async fn drained(node: Arc<Node>) {
    loop {
        let mut given_back = std::pin::pin!(node.given_back.notified());
        // Before it is looked at: what is given back between the look and the wait would be waited for in vain.
        given_back.as_mut().enable();
        if node.holds_nothing() {
            return leave(&node).await;
        }
        if timeout(node.settings.patience(), given_back).await.is_err() {
            return;
        }
    }
}

/// Gives up the lease, with everything that belongs to it.
pub(crate) async fn leave(node: &Node) {
    // Messages that were bought and not spent go back first. Afterwards there is nothing to ask with.
    node.requests.done(node.settings.patience()).await;
    // The session before the mark, because a node that has left has none.
    let session = node.own_session();
    lock(&node.state).membership.leave();
    node.note(|_| {});
    let Some(session) = session else {
        // Without a connection the others wait for the lease, if the node ever had one.
        if node.own_incarnation().is_some() {
            observe::left_unheard();
        }
        return;
    };
    let mut remove = redis::cmd("ZREM");
    remove.arg(node.settings.keys.leases()).arg(session.incarnation);
    if node.tell(&session, async |mut connection| remove.query_async::<()>(&mut connection).await).await.is_err() {
        observe::left_unheard();
    }
}
