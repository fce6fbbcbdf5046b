//! Gives permits back in batches; what cannot be given back now is kept for later.
//!
//! A connection ends in a destructor, which cannot wait. It enters what it held and wakes the task here. Connections
//! often end by the thousand, when a server behind this one restarts: what has come while one batch was under way is
//! the next.
//!
//! A permit that is given back late keeps a place that is not used, and one that is given back twice does no harm: the
//! member is its own, and was removed. So everything that is in doubt is given back again.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use portcullis_core::shared::Name;
use tokio::time::Instant;

use super::{message::member, pending_releases::PendingRelease};
use crate::{
    lock::lock,
    node::{NoAnswer, Node, Session},
    places,
};

/// Permits that are given back at once.
const BATCH: usize = 256;

/// Gives back what connections leave, for as long as the node lives. What cannot be given back now is kept for later.
pub(crate) async fn run(node: Arc<Node>) {
    loop {
        node.work.notified().await;
        loop {
            let batch = lock(&node.releases).take_now(BATCH);
            if batch.is_empty() {
                break;
            }
            let given_back = match node.reporting_session() {
                Some(session) => release(&node, &session, &batch).await,
                None => Err(NoAnswer),
            };
            if given_back.is_err() {
                lock(&node.releases).put_back(batch);
            }
        }
        if let Some(session) = node.reporting_session() {
            // What is not given back here is given back after the next beat.
            let _ = places::give_back(&node, &session).await;
        }
        // Also if it failed: who waits looks again whether anything is held, and waits on.
        node.given_back.notify_waiters();
    }
}

/// Gives back after a beat what was kept for later, as much of it as there is time for.
///
/// This runs between two beats of the one task that renews the lease. After an outage there may be as much to give back
/// as the node has connections: what is left when the next beat is due waits for it, or the lease would run out over
/// permits that are no longer held.
pub(crate) async fn release_due(node: &Node, session: &Session, until: Instant) {
    let mut due = lock(&node.releases).take_later();
    while !due.is_empty() {
        let rest = due.split_off(due.len().min(BATCH));
        if release(node, session, &due).await.is_err() {
            // The others first, when it goes on: of a Redis Cluster one server may be gone, which is no reason to keep
            // what another has.
            lock(&node.releases).put_back(rest.into_iter().chain(due));
            return;
        }
        let settled = lock(&node.releases).released(due);
        if settled > 0 {
            node.note(|events| events.taken_back += settled);
        }
        if Instant::now() >= until {
            lock(&node.releases).put_back(rest);
            return;
        }
        due = rest;
    }
}

async fn release(node: &Node, session: &Session, batch: &[PendingRelease]) -> Result<(), NoAnswer> {
    let mut keys: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for one in batch {
        keys.entry(one.name).or_default().push(member(one.incarnation, one.permit));
    }
    // The keys of one name are on one server, and others may be on another. On the way to it they go together.
    let released = keys.iter().map(|(name, members)| {
        let mut pipeline = redis::pipe();
        // From both sets: it may have been told to close, and has closed now.
        pipeline.cmd("ZREM").arg(node.settings.keys.permits(*name)).arg(members).ignore();
        pipeline.cmd("ZREM").arg(node.settings.keys.closing(*name)).arg(members).ignore();
        node.tell(session, async move |mut connection| pipeline.query_async::<()>(&mut connection).await)
    });
    join_all(released).await.into_iter().collect()
}
