//! What a node has: its settings, what it holds, its membership, and the one connection on which handshakes ask.
//!
//! The connection may not be used by every caller at all times. A caller takes a [`Session`] first, and there are three
//! ways to get one, which differ in what is allowed while limits are not shared:
//!
//! | Right | Given while | For |
//! | --- | --- | --- |
//! | [`session`](Node::session) | limits count for all nodes | new handshakes |
//! | [`reporting_session`](Node::reporting_session) | the same, and while the node drains | what live connections buy and leave |
//! | [`own_session`](Node::own_session) | the node has an incarnation | reports and messages of the node itself, without which a recovery would not end |
//!
//! # Locks
//!
//! There are several mutexes instead of one, because a handshake must not wait while thousands of permits are put
//! together for a report. They are held for moments and never across an `await`. Where two are held at once, `state` is
//! taken before `held`, and `pools` before the state of a pool. No callback of a connection runs under any of them: it
//! may drop a permit, which takes them again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_core::{
    clock::now,
    shared::{Name, NodeId},
};
use redis::RedisError;
use tokio::sync::{Notify, watch};

use super::{
    membership::{Membership, View},
    settings::Settings,
};
use crate::{
    bus::Outbox,
    health::{ClusterState, Events, Health},
    link::Link,
    lock::lock,
    observe,
    permits::{LocalPermits, PendingReleases},
    places::Pool,
    quota::RequestQueue,
};

/// This node. Layers, permits and tasks share it.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    /// The permits of live connections.
    pub(crate) held: Mutex<LocalPermits>,
    /// The permits of connections that have ended, which the store still has.
    pub(crate) releases: Mutex<PendingReleases>,
    /// The allotments of pools.
    pub(crate) pools: Mutex<HashMap<Name, Arc<Pool>>>,
    /// Purchases of messages that wait for their task.
    pub(crate) requests: RequestQueue,
    /// A beat is due at once.
    pub(crate) wake: Notify,
    /// Something is to be released.
    pub(crate) work: Notify,
    /// Something was.
    pub(crate) given_back: Notify,
    /// Whose inbox is read.
    pub(crate) inbox: watch::Sender<u64>,
    pub(super) state: Mutex<State>,
    /// What all nodes are told.
    pub(crate) outbox: Outbox,
    health: watch::Sender<Health>,
    /// When it was last logged that the store has refused something.
    pub(super) refusal_logged: Mutex<Option<std::time::Instant>>,
}

pub(super) struct State {
    pub(super) membership: Membership,
    /// None from when the connection broke until a beat was answered on the next one.
    link: Option<Link>,
    /// Which connection it is. Many requests fail when a connection breaks, and those that are late must not give up
    /// the next one.
    generation: u64,
}

/// A connection on which a beat was answered, and the incarnation that the beat was for: what is needed to ask.
#[derive(Clone)]
pub(crate) struct Session {
    pub(super) connection: Link,
    pub(super) generation: u64,
    pub(crate) incarnation: u64,
    pub(crate) view: Arc<View>,
    /// The data of the store that the beat has seen.
    pub(super) boot: Arc<str>,
}

impl Node {
    pub(crate) fn new(settings: Settings) -> Self {
        let membership = Membership::new(settings.lease, settings.beat, settings.nodes);
        Self {
            health: watch::Sender::new(Health::new(settings.nodes)),
            refusal_logged: Mutex::default(),
            settings,
            held: Mutex::default(),
            releases: Mutex::default(),
            pools: Mutex::default(),
            requests: RequestQueue::default(),
            wake: Notify::new(),
            work: Notify::new(),
            given_back: Notify::new(),
            inbox: watch::Sender::new(0),
            outbox: Outbox::new(id()),
            state: Mutex::new(State { membership, link: None, generation: 0 }),
        }
    }

    /// The right to ask for a handshake, unless limits do not count for all nodes now.
    pub(crate) fn session(&self) -> Option<Session> {
        // One lock for the state and for what it is about: a lease that runs out in between would give away a session
        // that is void.
        let state = lock(&self.state);
        (state.membership.cluster_state(now()) == ClusterState::Joined).then(|| state.session()).flatten()
    }

    /// The right to tell what connections have and leave, which is told while the node drains, too.
    pub(crate) fn reporting_session(&self) -> Option<Session> {
        let state = lock(&self.state);
        let cluster_state = state.membership.cluster_state(now());
        matches!(cluster_state, ClusterState::Joined | ClusterState::Draining).then(|| state.session()).flatten()
    }

    /// The right to ask for the node itself, while it recovers, too.
    pub(crate) fn own_session(&self) -> Option<Session> {
        let state = lock(&self.state);
        (state.membership.incarnation() != 0).then(|| state.session()).flatten()
    }

    /// The incarnation that the node has, if it has one.
    pub(crate) fn own_incarnation(&self) -> Option<u64> {
        let incarnation = lock(&self.state).membership.incarnation();
        (incarnation != 0).then_some(incarnation)
    }

    /// Whether the incarnation still holds its lease: what was asked before the process stood still may be void.
    pub(crate) fn is_current(&self, session: &Session) -> bool {
        let state = lock(&self.state);
        let cluster_state = state.membership.cluster_state(now());
        state.membership.incarnation() == session.incarnation
            && !matches!(
                cluster_state,
                ClusterState::Away | ClusterState::Fenced | ClusterState::Draining | ClusterState::Left
            )
    }

    pub(crate) fn drains(&self) -> bool {
        lock(&self.state).membership.drains()
    }

    /// Whether no connection holds anything, and none is being let in.
    pub(super) fn holds_nothing(&self) -> bool {
        lock(&self.held).is_empty() && lock(&self.pools).values().all(|pool| pool.is_idle())
    }

    pub(super) fn generation(&self) -> u64 {
        lock(&self.state).generation
    }

    pub(super) fn link(&self) -> Option<(Link, u64)> {
        let state = lock(&self.state);
        state.link.clone().map(|link| (link, state.generation))
    }

    /// A beat was answered on a new connection: it is the one to be used.
    ///
    /// A beat comes first because what is on the other end may be another server than before, or the same one without
    /// its data. No handshake is decided by it before that is known.
    pub(super) fn connect(&self, connection: Link) {
        let mut state = lock(&self.state);
        state.link = Some(connection);
        state.generation += 1;
        state.membership.connected();
    }

    /// Gives up a connection, if it is still the one in use.
    pub(super) fn disconnect(&self, generation: u64, error: &RedisError) {
        {
            // In a block of its own: what follows takes this lock as well.
            let mut state = lock(&self.state);
            if state.generation != generation || state.link.take().is_none() {
                return;
            }
            state.membership.disconnected();
        }
        observe::unreachable(error);
        self.note(|_| {});
        self.wake.notify_one();
    }

    /// Something has happened.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Events)) {
        let (cluster_state, nodes) = self.stands();
        let stale = self.is_stale();
        let was_whole = lock(&self.outbox.followers).whole_at().is_some();
        // What is computed here may be older than what another task has computed meanwhile, which the next beat mends.
        // Readers of `health` never see it: they compute it anew.
        self.health.send_modify(|health| {
            let before = *health;
            health.stale = stale;
            change(&mut health.events);
            (health.state, health.nodes) = (cluster_state, nodes);
            observe::happened(&before.events, &health.events);
            if before.state != cluster_state {
                observe::state_changed(before.state, cluster_state);
            }
            if before.stale != stale {
                observe::stale_changed(stale, was_whole);
            }
        });
    }

    /// Notices what has changed because time has passed, and nothing else has happened.
    pub(super) fn look(&self) {
        let (now, before) = (self.health(), *self.health.borrow());
        if (now.state, now.stale) != (before.state, before.stale) {
            self.note(|_| {});
        }
    }

    /// What time alone may change.
    fn stands(&self) -> (ClusterState, Option<std::num::NonZeroUsize>) {
        let state = lock(&self.state);
        (state.membership.cluster_state(now()), state.membership.nodes())
    }

    /// The state of this moment, which may be another one than at the last event: leases run out silently.
    pub(crate) fn health(&self) -> Health {
        let (cluster_state, nodes) = self.stands();
        Health { state: cluster_state, nodes, stale: self.is_stale(), ..*self.health.borrow() }
    }

    /// Whether copies of what was revoked may not be whole. A node that has no copy has nothing that could be stale.
    pub(crate) fn is_stale(&self) -> bool {
        let followers = lock(&self.outbox.followers);
        // Never whole counts as old: a copy that was never complete says nothing about a token.
        let is_old = |at| now().saturating_duration_since(at) > self.settings.stale_after;
        followers.has_copies() && followers.whole_at().is_none_or(is_old)
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// What those who are refused while the store is away are told to wait: the next beat may find it.
    pub(crate) fn retry_after(&self) -> Duration {
        self.settings.beat.max(Duration::from_secs(1))
    }

    /// Something is held of which the store does not know.
    pub(crate) fn unsaid(&self) {
        lock(&self.state).membership.unsaid();
    }
}

impl State {
    fn session(&self) -> Option<Session> {
        let (incarnation, view) = (self.membership.incarnation(), self.membership.view().clone());
        let (connection, boot) = (self.link.clone()?, self.membership.boot().clone());
        Some(Session { connection, generation: self.generation, incarnation, view, boot })
    }
}

/// What this node is called. No two that live draw the same.
fn id() -> NodeId {
    let mut bytes = [0; 16];
    // Without randomness two nodes of different machines may be called alike, and hear each other's commands to one
    // connection.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    }
    NodeId::from_bytes(bytes)
}
