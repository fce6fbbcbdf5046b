//! Leaves the others: the lease is given up, and what it held is void at once.

use super::Node;
use crate::{lock::lock, observe};

/// Gives up the lease, with everything that belongs to it.
pub(crate) async fn leave(node: &Node) {
    let asker = node.own_asker();
    lock(&node.state).membership.leave();
    node.note(|_| {});
    let Some(asker) = asker else { return };
    let mut remove = redis::cmd("ZREM");
    remove.arg(node.settings.keys.leases()).arg(asker.incarnation);
    if node.tell(&asker, async |mut connection| remove.query_async::<()>(&mut connection).await).await.is_err() {
        observe::left_unheard();
    }
}
