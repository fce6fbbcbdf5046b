//! Permits for what is known of a connection only after its handshake.
//!
//! A client may authenticate with its first message. Until then it counts as unauthenticated; then the permit of its
//! subject is taken on the live connection, where the only way to refuse is to close.
//!
//! It asks for no frames ([`Interest::NONE`]), so a connection that waits for its subject costs nothing per message.
//! What it does on the live connection, it does through tasks and verdicts: it is called under the connection's lock,
//! and a close of another connection locks that one.

use std::{net::IpAddr, sync::Arc, time::Instant};

use portcullis_core::{
    CloseCode, CloseFrame, Connection,
    identity::Subject,
    policy::{Action, Activity, Interest, Policy},
    refusal::LimitOwner,
    shared::Away,
};

use super::{
    capacity::Limit,
    cluster::ClusterPermits,
    permits::{Evicted, Key, Permit},
};

/// Waits for the subject of a connection that came in without one.
pub(crate) struct PendingSubject {
    pub(crate) permit: Arc<Permit<Connection>>,
    /// Its part in limits that other nodes count, too.
    pub(crate) cluster: Option<Arc<ClusterPermits>>,
    pub(crate) connection: Connection,
    pub(crate) limit: Option<Limit>,
    pub(crate) required: bool,
    /// Who counts until then, if that is counted.
    pub(crate) limit_owner: Option<LimitOwner>,
    pub(crate) report_only: bool,
}

impl PendingSubject {
    /// Takes a permit of one more key.
    fn join(&self, key: Key, limit: Limit) -> Action {
        let cluster = self.cluster.as_ref().map(|cluster| (cluster, key.clone()));
        match self.permit.join(key, limit, &self.connection) {
            Ok(evicted) => {
                if !self.report_only {
                    evict(evicted);
                }
                if let Some((cluster, key)) = cluster {
                    let narrow = self.narrow(key.clone());
                    cluster.join(&self.connection, &key, limit, self.report_only, narrow);
                }
                Action::None
            }
            Err(_) => self.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many connections")),
        }
    }

    /// While other nodes cannot be asked, this one has a part of the limit.
    fn narrow(&self, key: Key) -> impl Fn(Away) -> bool + Send + use<> {
        let (permit, connection, report_only) = (self.permit.clone(), self.connection.clone(), self.report_only);
        move |away| {
            let narrowed = permit.narrow_one(&key, |max| away.of(max), &connection);
            let is_within = narrowed.is_ok();
            if let (Ok(evicted), false) = (narrowed, report_only) {
                evict(evicted);
            }
            is_within
        }
    }

    fn leave(&self, key: &Key) {
        self.permit.leave(key);
        if let Some(cluster) = &self.cluster {
            cluster.leave(key);
        }
    }

    fn close(&self, frame: CloseFrame) -> Action {
        if self.report_only { Action::None } else { Action::Close(frame) }
    }

    /// The first message was accepted, and has named no subject.
    fn nameless(&self, client: Option<IpAddr>) -> Action {
        match (self.required, client, self.limit) {
            (false, Some(client), Some(limit)) => self.join(Key::Anonymous(client), limit.refusing()),
            (required, ..) => self.close(LimitOwner::close_frame_without_subject(required)),
        }
    }
}

impl Policy for PendingSubject {
    fn name(&self) -> &'static str {
        "connection_limit"
    }

    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        // First out of the old limits, then into the new one: a client that is at the last place of both must not stand
        // in its own way.
        self.leave(&Key::Unauthenticated);
        if let Some(LimitOwner::Client(client)) = self.limit_owner.take() {
            self.leave(&Key::Anonymous(client));
        }
        match self.limit {
            // Under the connection's lock, like every policy. So nothing here closes a connection itself: the verdict
            // is returned, and those that make room are closed from tasks.
            Some(limit) => self.join(Key::Subject(subject.clone()), limit),
            None => Action::None,
        }
    }

    /// A connection whose first message is awaited opens once that is accepted. Its subject is known by then, or it has
    /// none.
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        activity.opened.filter(|_| matches!(self.limit_owner, Some(LimitOwner::Awaited(_))))
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        match self.limit_owner.take() {
            Some(LimitOwner::Awaited(client)) => self.nameless(client),
            // Another owner is not awaited: it is put back for `on_authenticated`.
            other => {
                self.limit_owner = other;
                Action::None
            }
        }
    }
}

/// With a code that clients do not retry: two tabs would evict each other for ever. From tasks: the caller may hold a
/// lock, and of two that evict each other neither must wait.
pub(crate) fn evict(evicted: Evicted<Connection>) {
    for connection in evicted.closing {
        connection.spawn_close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "replaced by a newer connection"));
    }
    for connection in evicted.aborted {
        connection.spawn_abort();
    }
}
