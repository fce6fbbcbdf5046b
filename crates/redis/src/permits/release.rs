//! Gives permits back in batches; what cannot be given back now is owed.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use portcullis_core::shared::Name;

use super::{message::member, owed::Owing};
use crate::{
    lock::lock,
    node::{Asker, Lost, Node},
    places,
};

/// Permits that are given back at once.
const BATCH: usize = 256;

/// Gives back what connections leave, for as long as the node lives. What cannot be given back now is owed.
pub(crate) async fn run(node: Arc<Node>) {
    loop {
        node.work.notified().await;
        loop {
            let batch = lock(&node.owed).take_now(BATCH);
            if batch.is_empty() {
                break;
            }
            let given_back = match node.teller() {
                Some(asker) => release(&node, &asker, &batch).await,
                None => Err(Lost),
            };
            if given_back.is_err() {
                lock(&node.owed).put_back(batch);
            }
        }
        if let Some(asker) = node.teller() {
            // What is not given back here is given back after the next beat.
            let _ = places::give_back(&node, &asker).await;
        }
        node.given_back.notify_waiters();
    }
}

/// Gives back what is owed, after a beat.
pub(crate) async fn release_due(node: &Node, asker: &Asker) -> Result<(), Lost> {
    let due = lock(&node.owed).take_later();
    for batch in due.chunks(BATCH) {
        match release(node, asker, batch).await {
            Ok(()) => {
                let settled = lock(&node.owed).released(batch.iter().copied());
                if settled > 0 {
                    node.note(|events| events.taken_back += settled);
                }
            }
            Err(Lost) => lock(&node.owed).put_back(batch.iter().copied()),
        }
    }
    Ok(())
}

async fn release(node: &Node, asker: &Asker, batch: &[Owing]) -> Result<(), Lost> {
    let mut keys: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for one in batch {
        keys.entry(one.name).or_default().push(member(one.incarnation, one.permit));
    }
    // The keys of one name are on one server, and others may be on another. On the way to it they go together.
    let released = keys.iter().map(|(name, members)| {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZREM").arg(node.settings.keys.permits(*name)).arg(members).ignore();
        pipeline.cmd("ZREM").arg(node.settings.keys.closing(*name)).arg(members).ignore();
        node.tell(asker, async move |mut connection| pipeline.query_async::<()>(&mut connection).await)
    });
    join_all(released).await.into_iter().collect()
}
