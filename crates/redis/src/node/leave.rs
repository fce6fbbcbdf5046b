//! Stops: takes nothing more, then gives up the lease, so that what it held is void at once.

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
    node.requests.done(node.settings.patience()).await;
    let session = node.own_session();
    lock(&node.state).membership.leave();
    node.note(|_| {});
    let Some(session) = session else { return };
    let mut remove = redis::cmd("ZREM");
    remove.arg(node.settings.keys.leases()).arg(session.incarnation);
    if node.tell(&session, async |mut connection| remove.query_async::<()>(&mut connection).await).await.is_err() {
        observe::left_unheard();
    }
}
