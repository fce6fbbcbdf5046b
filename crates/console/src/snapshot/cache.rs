//! One snapshot for all viewers, which is dropped when the last viewer has left.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use portcullis_core::{Connections, clock::now};
use tokio::{sync::Mutex, task::spawn_blocking, time::sleep};

use super::{query::Query, take::Snapshot};
use crate::mask::Mask;

/// How long a snapshot is kept after its last use. Rates are computed from it.
const KEPT: Duration = Duration::from_secs(10);

/// The last snapshot. Its lock is held while the next one is taken, even if the viewer that requested it leaves:
/// requests in the meantime wait for that one, and none starts another.
#[derive(Clone, Default)]
pub(crate) struct Snapshots(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    last: Option<Arc<Snapshot>>,
    /// A task waits to drop it.
    watched: bool,
}

impl Snapshots {
    /// Returns a snapshot that is not older than an interval. Walking over many connections takes a while, so that is
    /// done on a blocking thread.
    pub(crate) async fn latest(
        &self,
        connections: &Connections,
        mask: &Mask,
        interval: Duration,
        query: &Query,
    ) -> Option<Arc<Snapshot>> {
        let deep = query.sort.is_deep();
        let mut kept = self.0.clone().lock_owned().await;
        let fresh = |snapshot: &&Arc<Snapshot>| {
            now().saturating_duration_since(snapshot.at) < interval && (snapshot.deep || !deep)
        };
        if let Some(last) = kept.last.as_ref().filter(fresh) {
            return Some(last.clone());
        }
        let (connections, mask, snapshots) = (connections.clone(), mask.clone(), Arc::downgrade(&self.0));
        let taken = spawn_blocking(move || {
            let snapshot = Arc::new(Snapshot::take(&connections, &mask, kept.last.as_deref(), deep));
            kept.last = Some(snapshot.clone());
            if !std::mem::replace(&mut kept.watched, true) {
                tokio::spawn(forget(snapshots));
            }
            snapshot
        });
        // This fails only if the runtime is shutting down.
        taken.await.ok()
    }
}

/// Drops the snapshot once it has not been used for a while.
async fn forget(snapshots: Weak<Mutex<Kept>>) {
    loop {
        sleep(KEPT).await;
        let Some(snapshots) = snapshots.upgrade() else { return };
        let mut kept = snapshots.lock().await;
        if kept.last.as_ref().is_none_or(|last| now().saturating_duration_since(last.at) >= KEPT) {
            *kept = Kept::default();
            return;
        }
    }
}
