//! What is known and held, and the door to the store.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join;
use portcullis_core::{
    clock::now,
    shared::{Deadline, Name, NodeId},
};
use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout, timeout_at},
};

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
    script::{self, Call},
};

/// How often it is logged that the store refuses something. All of it is counted.
const REFUSALS: Duration = Duration::from_secs(10);

/// This node. Layers, permits and tasks share it.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) held: Mutex<LocalPermits>,
    pub(crate) releases: Mutex<PendingReleases>,
    pub(crate) pools: Mutex<HashMap<Name, Arc<Pool>>>,
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
    refusal_logged: Mutex<Option<std::time::Instant>>,
}

pub(super) struct State {
    pub(super) membership: Membership,
    link: Option<Link>,
    /// Which connection it is.
    generation: u64,
}

/// A connection on which a beat was answered, and the incarnation that the beat was for: what is needed to ask.
#[derive(Clone)]
pub(crate) struct Session {
    connection: Link,
    generation: u64,
    pub(crate) incarnation: u64,
    pub(crate) view: Arc<View>,
    /// The data of the store that the beat has seen.
    boot: Arc<str>,
}

/// The error for a question that the store did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

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

    /// Asks for a handshake, by its deadline. Without an answer in time, the breaker has one miss more.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        call: Call,
    ) -> Result<T, NoAnswer> {
        let mut connection = session.connection.clone();
        self.heard(session, by, call.run(&mut connection)).await
    }

    /// As [`ask`](Self::ask), with a command.
    pub(crate) async fn ask_command<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        command: &redis::Cmd,
    ) -> Result<T, NoAnswer> {
        let mut connection = session.connection.clone();
        self.heard(session, by, command.query_async(&mut connection)).await
    }

    /// Asks for a handshake what must not be answered by data that is not what it was at the last beat: others have not
    /// said yet what they hold. Which data it is is asked behind the question, in the same round trip. In a Redis
    /// Cluster another server may know that, and cannot be asked together with this one.
    pub(crate) async fn ask_known<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        call: Call,
    ) -> Result<T, NoAnswer> {
        if !session.connection.is_one() {
            return self.ask(session, by, call).await;
        }
        let (mut first, mut second) = (session.connection.clone(), session.connection.clone());
        let mut which = redis::cmd("HGET");
        which.arg(self.settings.keys.facts()).arg("boot");
        let both = async {
            let mut question = call.by_hash();
            loop {
                // A connection sends in the order in which it is asked, so this data or older has answered.
                let which = which.query_async::<Option<String>>(&mut second);
                match join(question.query_async(&mut first), which).await {
                    // The script runs when it is sent as a text, so which data that is has to be asked behind it again:
                    // the answer that is there is from before, and the data may be lost in between.
                    (Err(error), _) if script::is_unknown(&error) => question = call.by_text(),
                    (answer, boot) => return Ok((answer?, boot?)),
                }
            }
        };
        let (answer, boot) = self.heard(session, by, both).await?;
        if boot.as_deref() == Some(&session.boot) {
            return Ok(answer);
        }
        self.wake.notify_one();
        Err(NoAnswer)
    }

    /// Waits for an answer by a deadline.
    async fn heard<T>(
        &self,
        session: &Session,
        by: Deadline,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, NoAnswer> {
        match timeout_at(Instant::from_std(by.at()), answer).await {
            Ok(Ok(answer)) => {
                lock(&self.state).membership.answered();
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.failed(session, &error);
                self.missed();
                Err(NoAnswer)
            }
            Err(_) => {
                self.missed();
                Err(NoAnswer)
            }
        }
    }

    /// Asks for the node itself.
    pub(crate) async fn tell<T, F>(&self, session: &Session, ask: impl FnOnce(Link) -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let by = Instant::now() + self.settings.patience();
        match timeout_at(by, ask(session.connection.clone())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.failed(session, &error);
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    /// A question that was not answered in time.
    fn missed(&self) {
        let opened = lock(&self.state).membership.missed();
        self.note(|events| {
            events.missed += 1;
            events.broken += u64::from(opened);
        });
    }

    /// An error: the connection is given up where it cannot be used any longer.
    fn failed(&self, session: &Session, error: &RedisError) {
        // In a Redis Cluster it is one server that fails, and the others are asked as before.
        if session.connection.is_one() && is_fatal(error) {
            self.disconnect(session.generation, error);
        }
        self.refused(error);
    }

    /// The store has answered with an error, such as a right that is missing, or memory that is full. Nothing but this
    /// tells an operator why limits are not shared: whoever asked goes on as if there had been no answer.
    pub(crate) fn refused(&self, error: &RedisError) {
        // A connection that broke is another matter, and is said by those who make connections.
        if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
            return;
        }
        let is_due = {
            let mut last = lock(&self.refusal_logged);
            let is_due = last.is_none_or(|last| now().saturating_duration_since(last) >= REFUSALS);
            if is_due {
                *last = Some(now());
            }
            is_due
        };
        if is_due {
            observe::refused(error);
        }
        self.note(|events| events.refused += 1);
    }

    pub(super) fn generation(&self) -> u64 {
        lock(&self.state).generation
    }

    pub(super) fn link(&self) -> Option<(Link, u64)> {
        let state = lock(&self.state);
        state.link.clone().map(|link| (link, state.generation))
    }

    /// Makes a connection beside the one of handshakes, for a read that waits.
    pub(crate) async fn dial(&self) -> Result<Link, NoAnswer> {
        self.settings.client.connect(self.settings.patience()).await.map_err(|error| {
            self.refused(&error);
            NoAnswer
        })
    }

    /// Asks on such a connection, and gives up after a time.
    pub(crate) async fn wait_for<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, NoAnswer> {
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.refused(&error);
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    /// A beat was answered on a new connection: it is the one to be used.
    pub(super) fn connect(&self, connection: Link) {
        let mut state = lock(&self.state);
        state.link = Some(connection);
        state.generation += 1;
        state.membership.connected();
    }

    pub(super) fn disconnect(&self, generation: u64, error: &RedisError) {
        {
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
                observe::stale_changed(stale);
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

    fn stands(&self) -> (ClusterState, Option<std::num::NonZeroUsize>) {
        let state = lock(&self.state);
        (state.membership.cluster_state(now()), state.membership.nodes())
    }

    pub(crate) fn health(&self) -> Health {
        let (cluster_state, nodes) = self.stands();
        Health { state: cluster_state, nodes, stale: self.is_stale(), ..*self.health.borrow() }
    }

    /// Whether copies of what was revoked may not be whole.
    pub(crate) fn is_stale(&self) -> bool {
        let followers = lock(&self.outbox.followers);
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

/// Whether a connection is of no use after an error: it is broken, or what it leads to is no primary any longer.
fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}
