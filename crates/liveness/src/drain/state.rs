//! What the handles and layers of a drain share.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use http::request::Parts;
use portcullis_core::{Connection, Connections, shared::Member};
use tokio::sync::{Notify, futures::OwnedNotified, watch};

use super::{count::Count, drained::Drained, served::Served, settings::Settings};

#[derive(Default)]
pub(super) struct State {
    pub(super) connections: Connections,
    /// Of all handles and layers, whichever they were said to.
    settings: RwLock<Arc<Settings>>,
    served: Mutex<Weak<Served>>,
    pub(super) stage: watch::Sender<Stage>,
    refused: AtomicU64,
    /// Refused handshakes whose clients are being sent the reason.
    pub(super) turned_away: Count,
    /// Ends the handshakes that are still under way at the deadline.
    cut: Arc<Notify>,
    /// What this server shares with other nodes.
    members: Mutex<Vec<Arc<dyn Member>>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Open,
    Draining,
    Drained(Drained),
}

impl State {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, ..Self::default() }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(Arc::make_mut(&mut self.settings.write().unwrap_or_else(PoisonError::into_inner)));
    }

    /// What all layers and services of the drain hold together.
    pub(super) fn serve(self: &Arc<Self>) -> Arc<Served> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Served(self.clone()));
            *served = Arc::downgrade(&new);
            new
        })
    }

    pub(super) fn is_started(&self) -> bool {
        *self.stage.borrow() != Stage::Open
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Drained(_))
    }

    pub(super) fn join(&self, member: Arc<dyn Member>) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).push(member);
    }

    pub(super) fn members(&self) -> Vec<Arc<dyn Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on no handshake is admitted. Other nodes are notified before any connection is closed.
    pub(super) fn begin(&self) {
        let begins = self.stage.send_if_modified(|stage| {
            let first = *stage == Stage::Open;
            if first {
                *stage = Stage::Draining;
            }
            first
        });
        if begins {
            self.members().iter().for_each(|member| member.drain());
        }
    }

    /// Takes a connection in, unless the drain has begun. What is returned wakes when its handshake has run out of
    /// time.
    pub(super) fn admit(&self, connection: &Connection) -> Option<OwnedNotified> {
        // Held while the connection enters the registry: a drain that begins meanwhile waits, and then finds it there.
        // What the deadline wakes is registered under it, too, and so is never too late.
        let stage = self.stage.borrow();
        let cut = self.cut.clone().notified_owned();
        (*stage == Stage::Open).then(|| {
            self.connections.insert(connection);
            cut
        })
    }

    /// Counts a refusal. What an outer layer still sends to the client is waited for, unless the drain is over by then.
    pub(super) fn turn_away(&self, parts: &Parts) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(connection) = parts.extensions.get::<Connection>() {
            connection.hold(self.turned_away.token());
        }
    }

    pub(super) fn cut_handshakes(&self) {
        self.cut.notify_waiters();
    }

    /// The drain is over, but for the number of those who were refused.
    pub(super) fn finish(&self, drained: Drained) -> Drained {
        let mut drained = Drained { refused: self.refused.load(Ordering::Relaxed), ..drained };
        self.stage.send_if_modified(|stage| {
            // Of two that drained at once the first has said what came of it.
            if let Stage::Drained(first) = stage {
                drained = *first;
                return false;
            }
            *stage = Stage::Drained(drained);
            true
        });
        drained
    }

    /// Waits for a stage.
    pub(super) async fn reached(&self, wanted: impl Fn(Stage) -> bool) -> Stage {
        let mut stages = self.stage.subscribe();
        *stages.wait_for(|stage| wanted(*stage)).await.expect("the sender is borrowed here")
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("stage", &*self.stage.borrow()).finish_non_exhaustive()
    }
}
