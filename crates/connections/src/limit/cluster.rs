//! A connection's part in limits that count on all nodes.
//!
//! This node's permits decide first. Then the store is asked, within the handshake's deadline, and its permit is held
//! beside the local one. What the store says later, such as that another node's client takes this place, closes the
//! connection.
//!
//! # When the answer comes late
//!
//! - **After the client has disconnected**: the future of the handshake is dropped, and the store frees what it may
//!   have granted.
//! - **After the connection has ended**: it holds this value until its end, and this holds what the store has granted.
//! - **Never**, as the store is away: the handshake is decided as the store was configured for that case. It is
//!   refused, or admitted to this node's part of the limit, or to all of it. A permit that was admitted so is kept, and
//!   counted by the store when it is back.
//! - **The store takes a permit back**, because a newer connection elsewhere has its place or because this node was
//!   away for too long. If that arrives before the connection has begun, `State::gone` keeps it until then.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portcullis_core::{
    CloseCode, CloseFrame, Connection,
    refusal::Refusal,
    shared::{Away, Deadline, Denied, Gone, Name, OnGone, PermitRequest, SharePermits, SharedPermit},
};
use tokio::runtime::Handle;

use super::{
    capacity::Limit,
    permits::{Full, Key, Keys, Permit},
    settings::Settings,
};

/// What a connection holds of the store that counts for all nodes. Given back when the connection ends, which holds
/// this.
pub(crate) struct ClusterPermits {
    store: Arc<dyn SharePermits>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    permits: Vec<Arc<dyn SharedPermit>>,
    /// Once it has begun.
    connection: Option<Connection>,
    /// It must close, and had not begun.
    gone: Option<Gone>,
}

impl ClusterPermits {
    pub(super) fn new(store: &Arc<dyn SharePermits>) -> Arc<Self> {
        // A handshake is guarded on a runtime only.
        Arc::new(Self { store: store.clone(), runtime: Handle::current(), state: Mutex::default() })
    }

    /// How long a handshake waits for the store.
    pub(super) fn patience(&self) -> Duration {
        self.store.patience()
    }

    /// Asks for a permit of all keys, or none. While the store is away, what the layer counts itself decides.
    pub(super) async fn take(
        self: Arc<Self>,
        settings: Arc<Settings>,
        keys: Keys,
        permit: Arc<Permit<Connection>>,
        by: Deadline,
    ) -> Result<(), Refusal> {
        // In the order of the limits, the server's first: a refusal names a limit by its place in this list.
        let wanted = self.wanted(&settings, &keys);
        let full = |at: usize| {
            let at = at.checked_sub(usize::from(settings.global.is_some()));
            at.and_then(|at| keys.get(at)).map_or(Full::Server, |(key, _)| Full::Of(key.clone()))
        };
        let judged = match self.store.take(wanted.clone(), by, self.on_gone()).await {
            Ok(taken) => {
                // If the client has disconnected, this future was dropped, and with it the store's permit. If the
                // connection ends from here on, it drops this value, which holds the permit.
                self.hold(taken);
                return Ok(());
            }
            Err(Denied::Full(at)) => Err(settings.refusal(&full(at))),
            Err(Denied::Away(Away::Refuse { retry_after })) => Err(Refusal::limits_unavailable(retry_after)),
            Err(Denied::Away(away)) => permit.narrow(|max| away.of(max)).map_err(|full| settings.refusal(&full)),
            // A reason that this version does not know.
            Err(_) => Err(Refusal::limits_unavailable(settings.retry_after)),
        };
        match judged {
            Err(refusal) if settings.report_only => refusal.report(),
            Err(refusal) => return Err(refusal),
            // Admitted without the store, which is notified when it is back: it must count a connection that it has not
            // admitted.
            Ok(()) => self.hold(self.store.keep(wanted, self.on_gone())),
        }
        Ok(())
    }

    /// The connection begins: it can be closed from here on, and others make room for it.
    pub(super) fn begin(self: &Arc<Self>, connection: &Connection) {
        // One lock decides between this and `on_gone`: it finds the connection and closes it, or leaves a note that is
        // found here. A place that is taken between the handshake and this line is not forgotten.
        let gone = {
            let mut state = self.state();
            state.connection = Some(connection.clone());
            state.gone.take()
        };
        if let Some(why) = gone {
            close(connection, why);
        }
        // A task, because this runs inside the poll of the response, which must not wait. The list is copied out of the
        // lock: settling awaits the store.
        let (this, by) = (self.clone(), Deadline::within(self.store.patience()));
        self.runtime.spawn(async move {
            let permits = this.state().permits.clone();
            for permit in permits {
                permit.settle(by).await;
            }
        });
    }

    /// Asks for a permit of one more key, from a task: the one who knows of it is locked. Until the answer is there,
    /// the connection counts on this node. `narrow` says whether there is room in a part of the limit.
    pub(super) fn join(
        self: &Arc<Self>,
        connection: &Connection,
        key: &Key,
        limit: Limit,
        report_only: bool,
        narrow: impl Fn(Away) -> bool + Send + 'static,
    ) {
        // The caller is a policy and holds the connection's lock. The task holds a handle meanwhile, which keeps the
        // state alive and not the transport.
        let (this, connection, wanted) = (self.clone(), connection.clone(), vec![self.one(key, limit)]);
        self.runtime.spawn(async move {
            let by = Deadline::within(this.store.patience());
            let frame = match this.store.take(wanted.clone(), by, this.on_gone()).await {
                Ok(permit) => {
                    // Settled before it is held, as the connection has begun: what it replaces on other nodes makes
                    // room at once.
                    permit.clone().settle(by).await;
                    return this.hold(permit);
                }
                Err(Denied::Away(away @ (Away::Share { .. } | Away::Alone))) if narrow(away) => {
                    let permit = this.store.keep(wanted, this.on_gone());
                    permit.clone().settle(by).await;
                    return this.hold(permit);
                }
                Err(Denied::Full(_) | Denied::Away(Away::Share { .. } | Away::Alone)) => {
                    CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many connections")
                }
                Err(_) => CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "try again later"),
            };
            if !report_only {
                connection.spawn_close(frame);
            }
        });
    }

    /// Gives up the permit of one key.
    pub(super) fn leave(&self, key: &Key) {
        // Copied, so that nothing of the store's runs under the lock: `on_gone` may be called from inside, and takes
        // it.
        let (name, permits) = (self.name(key), self.state().permits.clone());
        for permit in permits {
            permit.leave(name);
        }
    }

    fn hold(&self, permit: Arc<dyn SharedPermit>) {
        self.state().permits.push(permit);
    }

    /// The callback does not keep this alive.
    fn on_gone(self: &Arc<Self>) -> OnGone {
        // Weak, since the store keeps this closure as long as the permit that this value holds: both would keep each
        // other alive, and the permit would never be given back.
        let this = Arc::downgrade(self);
        Arc::new(move |why| {
            let Some(this) = this.upgrade() else { return };
            let connection = {
                let mut state = this.state();
                if state.connection.is_none() {
                    state.gone = Some(why);
                }
                state.connection.clone()
            };
            if let Some(connection) = connection {
                close(&connection, why);
            }
        })
    }

    fn wanted(&self, settings: &Settings, keys: &[(Key, Limit)]) -> Vec<PermitRequest> {
        let global = settings.global.map(|max| PermitRequest::of_pool(self.store.name("server", &[]), max));
        global.into_iter().chain(keys.iter().map(|(key, limit)| self.one(key, *limit))).collect()
    }

    fn one(&self, key: &Key, limit: Limit) -> PermitRequest {
        let wanted = PermitRequest::new(self.name(key), limit.max);
        match (key, limit.evict) {
            (Key::Unauthenticated, _) => PermitRequest::of_pool(wanted.name, wanted.max),
            (_, true) => wanted.evict_oldest(),
            (_, false) => wanted,
        }
    }

    fn name(&self, key: &Key) -> Name {
        match key {
            Key::Client(address) => self.store.name("client", address.to_string().as_bytes()),
            Key::Anonymous(address) => self.store.name("anonymous", address.to_string().as_bytes()),
            Key::Subject(subject) => self.store.name("subject", &subject.to_bytes()),
            Key::Custom(key) => self.store.name("custom", key),
            Key::Unauthenticated => self.store.name("unauthenticated", &[]),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From a task: the caller must not block.
fn close(connection: &Connection, why: Gone) {
    connection.spawn_close(match why {
        Gone::Fenced => CloseFrame::new(CloseCode::SERVICE_RESTART, "please reconnect"),
        // With a code that clients do not retry: two tabs would evict each other for ever.
        _ => CloseFrame::new(CloseCode::POLICY_VIOLATION, "replaced by a newer connection"),
    });
}

impl fmt::Debug for ClusterPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterPermits").field("permits", &self.state().permits.len()).finish_non_exhaustive()
    }
}
