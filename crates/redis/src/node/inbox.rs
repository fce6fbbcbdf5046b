//! What other nodes tell this one: which of its connections make room.
//!
//! An eviction is decided by the store for the node whose newcomer caused it, and concerns a connection of any node. So
//! each incarnation has an inbox, a stream of its own: other nodes write into it, and one task here reads it. A stream
//! and not a subscription, because what is said while this node connects anew would be lost without a trace.
//!
//! An entry is not the only memory of an eviction. The store also lists those that must close by key, and the next
//! newcomer to the key tells them again after a few seconds (`permits/room.rs`). So it does no harm that an inbox is
//! bounded, that it expires, and that a message that cannot be read is passed over.

use std::sync::Arc;

use redis::RedisResult;
use tokio::{sync::watch, time::sleep};

use super::{Node, beat::millis};
use crate::{link::Link, permits, reading::Entries};

/// Messages that are read at once.
const MOST: u64 = 512;

/// Reads the inbox of whatever incarnation the node has, on a connection of its own: a read that waits blocks it.
pub(crate) async fn run(node: Arc<Node>) {
    let mut incarnations = node.inbox.subscribe();
    let (mut of, mut cursor) = (0, String::new());
    loop {
        let incarnation = *incarnations.borrow_and_update();
        if incarnation == 0 {
            if incarnations.changed().await.is_err() {
                return;
            }
            continue;
        }
        if incarnation != of {
            // What was said to the incarnation before this one is void, as what it held.
            (of, cursor) = (incarnation, String::from("0"));
        }
        tokio::select! {
            () = read(&node, incarnation, &mut cursor) => sleep(node.settings.beat).await,
            () = changed(&mut incarnations) => {}
        }
    }
}

/// Waits for another incarnation, and for ever once there will be none: the other branch of the `select` goes on.
async fn changed(incarnations: &mut watch::Receiver<u64>) {
    if incarnations.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Closes what others say must make room, until the connection breaks. The cursor outlives it: what was read is not
/// read again on the next one, and what was not is.
async fn read(node: &Arc<Node>, incarnation: u64, cursor: &mut String) {
    let Ok(mut connection) = node.dial().await else { return };
    // A read returns after a beat at the latest: one that does not is on a connection whose other end is gone.
    let patience = node.settings.beat + node.settings.lease;
    while let Ok(reply) = node.wait_for(patience, next(node, &mut connection, incarnation, cursor)).await {
        for entry in reply.0 {
            if let Some(message) = &entry.message {
                permits::make_room(node, message);
            }
            // After it was carried out. Twice does no harm: the second time there is no such permit.
            *cursor = entry.id;
        }
    }
}

async fn next(node: &Node, connection: &mut Link, incarnation: u64, cursor: &str) -> RedisResult<Entries> {
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(MOST).arg("BLOCK").arg(millis(node.settings.beat).max(1));
    read.arg("STREAMS").arg(node.settings.keys.inbox(incarnation)).arg(cursor);
    read.query_async(connection).await
}
