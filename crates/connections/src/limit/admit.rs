//! Takes permits for a handshake, and hands them to its connection.
//!
//! The order is chosen so that nothing has to be undone:
//!
//! 1. The keys are read from the request. A wiring error ends here, before anything is counted.
//! 2. This node's permits are taken, of every key or of none, and the connection holds them.
//! 3. The store that nodes share is asked, if there is one. The handshake waits for it; the permits of this node are
//!    held meanwhile.
//! 4. The service inside decides. Only if its response is an upgrade are the permits settled, and the oldest
//!    connections closed: a handshake that fails further inside replaces nothing.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    Connection, Held,
    policy::Policy,
    refusal::{Kind, Refusal},
    shared::Deadline,
    upgrade::{Admission, AdmissionVerdict, GuardedHandshake},
};

use super::{
    cluster::ClusterPermits,
    permits::{Permit, Pool},
    policy::{PendingSubject, evict},
    settings::{Counted, Settings},
};

impl Held for Permit<Connection> {}

impl Held for ClusterPermits {}

/// Takes the permits, which the connection holds from here on. Returns what takes those that depend on a subject who is
/// not known yet, and whether other nodes have room.
pub(super) fn admit(
    settings: &Arc<Settings>,
    pool: &Arc<Pool<Connection>>,
    parts: &mut Parts,
    guarded: &mut GuardedHandshake,
) -> Result<Admission, Refusal> {
    let Counted { keys, awaits_subject } = match settings.counted(parts) {
        Ok(counted) => counted,
        Err(refusal) if settings.report_only && refusal.kind() != Kind::WIRING => {
            refusal.report();
            return Ok(Admission::new(None));
        }
        Err(refusal) => return Err(refusal),
    };
    let (permit, crossed) = match pool.take(&keys) {
        Ok(taken) => taken,
        Err(full) if settings.report_only => {
            settings.refusal(&full).report();
            return Ok(Admission::new(None));
        }
        Err(full) => return Err(settings.refusal(&full)),
    };
    if let Some(crossed) = crossed {
        settings.announce(crossed);
    }
    // Shared by the connection, the policy and the closure below. The last of them to be dropped frees the permit, so
    // no order among them can free it too early or twice.
    let (permit, connection, report_only) = (Arc::new(permit), guarded.connection(), settings.report_only);
    // Before anything that may fail or wait: from here on every path frees it, a client that disconnects and a runtime
    // that shuts down included. If the connection has ended by now, it is dropped at once.
    connection.hold_shared(permit.clone());
    if settings.until_handler_returns {
        connection.hold_for_handler(permit.clone());
    }
    // What this node counts has said yes. Others may count, too.
    let (cluster, verdict) = match &settings.shared {
        Some(store) => {
            let cluster = ClusterPermits::new(store);
            connection.hold_shared(cluster.clone());
            if settings.until_handler_returns {
                connection.hold_for_handler(cluster.clone());
            }
            // The deadline of the whole handshake, which a layer outside may have begun: several layers that ask a
            // store wait no longer than one.
            let by = Deadline::of(&mut parts.extensions, cluster.patience());
            let take = cluster.clone().take(settings.clone(), keys, permit.clone(), by);
            (Some(cluster), AdmissionVerdict::wait(take))
        }
        None => (None, AdmissionVerdict::ready(Ok(()))),
    };
    let pending_subject = awaits_subject.then(|| -> Box<dyn Policy> {
        // It was determined above without an error, from the same parts; a wiring error would have refused the
        // handshake.
        let limit_owner = settings.limit_owner(parts).ok().flatten();
        Box::new(PendingSubject {
            permit: permit.clone(),
            cluster: cluster.clone(),
            connection: connection.clone(),
            limit: settings.subject_limit(),
            required: settings.require_subject,
            limit_owner,
            report_only,
        })
    });
    // Only a connection that begins replaces others.
    if settings.evicts() || cluster.is_some() {
        let connection = connection.clone();
        guarded.on_upgrade(move || {
            let evicted = permit.settle(&connection);
            if !report_only {
                evict(evicted);
            }
            if let Some(cluster) = cluster {
                cluster.begin(&connection);
            }
        });
    }
    Ok(Admission::new(pending_subject).after(verdict))
}
