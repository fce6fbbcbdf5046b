//! What other nodes tell this one: which of its connections make room.

use std::sync::Arc;

use redis::{RedisResult, streams::StreamReadReply};
use tokio::{sync::watch, time::sleep};

use super::{Node, beat::millis};
use crate::{link::Link, permits};

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
            (of, cursor) = (incarnation, String::from("0"));
        }
        tokio::select! {
            () = read(&node, incarnation, &mut cursor) => sleep(node.settings.beat).await,
            () = changed(&mut incarnations) => {}
        }
    }
}

async fn changed(incarnations: &mut watch::Receiver<u64>) {
    if incarnations.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Until the connection breaks.
async fn read(node: &Arc<Node>, incarnation: u64, cursor: &mut String) {
    let Ok(mut connection) = node.dial().await else { return };
    // A read returns after a beat at the latest: one that does not is on a connection whose other end is gone.
    let patience = node.settings.beat + node.settings.lease;
    while let Ok(reply) = node.wait_for(patience, next(node, &mut connection, incarnation, cursor)).await {
        for entry in reply.keys.into_iter().flat_map(|key| key.ids) {
            if let Some(message) = entry.get::<String>("m") {
                permits::make_room(node, &message);
            }
            *cursor = entry.id;
        }
    }
}

async fn next(node: &Node, connection: &mut Link, incarnation: u64, cursor: &str) -> RedisResult<StreamReadReply> {
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(MOST).arg("BLOCK").arg(millis(node.settings.beat).max(1));
    read.arg("STREAMS").arg(node.settings.keys.inbox(incarnation)).arg(cursor);
    let reply: Option<StreamReadReply> = read.query_async(connection).await?;
    Ok(reply.unwrap_or_default())
}
