//! Renews the lease, and says what is held when the store does not know it.
//!
//! One task beats. Each answer says whether the lease is still valid and whether the server still has its data; if it
//! does not, everything that this node holds is reported before any handshake is admitted by the new data.
//!
//! One turn, which takes as long as a beat or less:
//!
//! 1. If there is no connection, make one. Nothing else uses it before step 4.
//! 2. Ask for the lease. If it was lost, or the data was, ask once more, for a new incarnation.
//! 3. Decide what the store does not know: all that is held, if the incarnation is new; what was taken of late, if only
//!    the connection is, because the server may be a replica that has taken another's place and lags.
//! 4. From here on, handshakes may use the connection.
//! 5. Report what the store does not know, until the next beat is due. The rest waits: a node with a hundred thousand
//!    connections reports for longer than its lease.
//! 6. Give back what was given up or could not be given back, again until the next beat is due.
//!
//! A turn that fails anywhere is begun again after 50 ms, from the first step. All steps can be repeated: what was
//! reported is marked as such when it was answered, and not before.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portcullis_core::{clock::now, shared::Gone};
use redis::RedisError;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    NoAnswer, Node, Session,
    beat::{Beat, Flags},
    membership::Outcome,
    settings::OnFenced,
};
use crate::{
    bus,
    link::{Link, Primaries},
    lock::lock,
    observe, permits, places,
};

/// How many beats in a row may go unanswered before a connection is given up.
const UNANSWERED: u32 = 3;

/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// What is held is said anew so often, which repairs what was lost unnoticed, and keeps keys alive.
const REFRESH: Duration = Duration::from_secs(20 * 60);

/// Beats for as long as the node lives. The time between two is counted from when one began: an answer that takes as
/// long as a beat must not let the lease become older with each.
pub(crate) async fn run(node: Arc<Node>) {
    let (refreshed, primaries) = (Instant::now(), Primaries::default());
    let mut heartbeat = Heartbeat { unanswered: 0, refreshed, primaries, away: false };
    loop {
        let begun = Instant::now();
        if has_left(&node) {
            return;
        }
        let next = if heartbeat.beat(&node, begun + node.settings.beat).await.is_ok() {
            begun + node.settings.beat
        } else {
            node.look();
            Instant::now() + PAUSE.min(node.settings.beat)
        };
        heartbeat.rest(&node, next).await;
    }
}

struct Heartbeat {
    /// Beats in a row that had no answer in time.
    unanswered: u32,
    /// When everything was last said anew.
    refreshed: Instant,
    /// The servers of a Redis Cluster, to notice one that has taken another's place.
    primaries: Primaries,
    /// That the server cannot be reached was said.
    away: bool,
}

impl Heartbeat {
    /// Until the next beat is due, or a connection has broken. Says in between when the data has become old enough.
    async fn rest(&self, node: &Node, next: Instant) {
        // Nothing happens at this moment but that time has passed. Those who wait for `ready` are woken for it.
        let ready = lock(&node.state).membership.ready_at().map(Instant::from_std);
        let rest = async {
            if let Some(ready) = ready.filter(|ready| *ready > Instant::now() && *ready < next) {
                sleep_until(ready).await;
                node.note(|_| {});
            }
            sleep_until(next).await;
        };
        tokio::select! {
            () = rest => {}
            () = node.wake.notified() => {}
        }
    }

    /// Beats, and says until the next beat is due what the store does not know.
    async fn beat(&mut self, node: &Arc<Node>, next: Instant) -> Result<(), NoAnswer> {
        let (mut connection, is_new) = match node.link() {
            Some((connection, _)) => (connection, false),
            None => (self.connect(node).await?, true),
        };
        let mut outcome = self.ask(node, &mut connection).await?;
        if matches!(outcome, Outcome::DataLost | Outcome::Fenced) {
            // Of a node that leaves, the lease is gone because it has given it up. It must not close its last
            // connections for that, and not join again.
            if has_left(node) {
                return Err(NoAnswer);
            }
            void(node, outcome);
            outcome = self.ask(node, &mut connection).await?;
        }
        if outcome == Outcome::Joined {
            // The reader looks as well, so only a little time is lost if this fails.
            let _ = node.wait_for(node.settings.patience(), bus::begin(&node.settings, &mut connection)).await;
            lock(&node.held).untell_all();
            // What an incarnation that is over had to give back is void with it. No permit of the new one can be in
            // here: none is reported before this task comes to it, and none taken before everything is reported.
            lock(&node.releases).clear();
            places::untell_all(node);
        } else if is_new {
            // What a server that took another's place may not have heard of: it was acknowledged by one that is gone,
            // and not replicated. Two leases, because replicas that lag further behind are not promoted in a sound
            // setup.
            lock(&node.held).untell_since(now().checked_sub(node.settings.lease * 2));
            lock(&node.state).membership.unsaid();
        }
        if self.primaries.changed(&connection, node.settings.beat / 2).await {
            // Its keys may be those of some time ago, or none. In a Redis Cluster the connection lives on when a server
            // is replaced, and the server with the leases may know nothing of it.
            lock(&node.held).untell_all();
            places::untell_all(node);
            lock(&node.state).membership.unsaid();
        }
        if is_new {
            node.connect(connection);
            node.note(|events| events.connections += 1);
        }
        // The lease may have been lost between the two answers, on a server that is restarted over and over.
        let Some(session) = node.own_session() else { return Err(NoAnswer) };
        node.inbox.send_if_modified(|inbox| std::mem::replace(inbox, session.incarnation) != session.incarnation);
        self.say(node, &session, next).await?;
        node.note(|events| events.beats += 1);
        permits::release_due(node, &session, next).await;
        places::give_back(node, &session).await
    }

    async fn connect(&mut self, node: &Node) -> Result<Link, NoAnswer> {
        match node.settings.client.connect(node.settings.patience()).await {
            Ok(connection) => {
                self.away = false;
                Ok(connection)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.away, true) {
                    observe::unreachable(&error);
                }
                Err(NoAnswer)
            }
        }
    }

    /// One beat. An answer within the deadline of handshakes closes the breaker.
    ///
    /// What the membership says is read before it is sent, and what is answered is entered under one lock. In between,
    /// nothing but time changes it: this task is the only one that beats.
    async fn ask(&mut self, node: &Node, connection: &mut Link) -> Result<Outcome, NoAnswer> {
        // The connection may have been made for as long as it took the node to leave. A beat would renew a lease that
        // is given up, and the other nodes would count a node, and what it held, that no longer runs.
        if has_left(node) {
            return Err(NoAnswer);
        }
        let holds = !lock(&node.held).is_empty();
        let (incarnation, boot, marks) = {
            let membership = &lock(&node.state).membership;
            // In the same request as the lease: if a node joined first and said later that it has something to report,
            // others could admit in between.
            let says = if membership.incarnation() == 0 { holds } else { membership.says() };
            (membership.incarnation(), membership.boot().clone(), Flags { drains: membership.drains(), says })
        };
        let generation = node.generation();
        let (sent, nonce) = (now(), nonce());
        let asked = Beat::ask(&node.settings, connection, incarnation, &boot, &nonce, marks);
        let beat = match timeout(node.settings.patience(), asked).await {
            Ok(Ok(beat)) => beat,
            Ok(Err(error)) => {
                // A new connection is not in use before its first beat is answered: then there is nothing to give up,
                // and the error would be lost. A user without the right to beat is told of it here alone.
                node.refused(&error);
                node.disconnect(generation, &error);
                return Err(NoAnswer);
            }
            // One late answer is no reason to give up a connection with all that is under way on it. But one whose
            // other end is gone without a word would stay silent for ever.
            Err(_) => {
                self.unanswered += 1;
                if self.unanswered >= UNANSWERED {
                    self.unanswered = 0;
                    let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
                    node.disconnect(generation, &RedisError::from(error));
                }
                node.note(|_| {});
                return Err(NoAnswer);
            }
        };
        self.unanswered = 0;
        let mut state = lock(&node.state);
        // A beat that took longer than handshakes wait does not show that they would be answered.
        if now().saturating_duration_since(sent) <= node.settings.deadline {
            state.membership.answered();
        }
        Ok(state.membership.beaten(incarnation, beat, sent, now()))
    }

    /// Says what the store does not know, and once in a while everything. What is left when the next beat is due is
    /// said after it: a node with many connections has its lease to renew meanwhile.
    async fn say(&mut self, node: &Arc<Node>, session: &Session, until: Instant) -> Result<(), NoAnswer> {
        if self.refreshed.elapsed() >= REFRESH {
            self.refreshed = Instant::now();
            lock(&node.held).untell_all();
            places::untell_all(node);
        }
        permits::say_untold(node, session, until).await?;
        places::say_untold(node, session).await?;
        let mut state = lock(&node.state);
        // Under both locks. A permit that is kept without the store's word is entered first and marks the membership
        // second: either it is seen here, or it marks what is set here.
        if state.membership.incarnation() == session.incarnation && !lock(&node.held).has_untold() {
            state.membership.said();
        }
        Ok(())
    }
}

fn has_left(node: &Node) -> bool {
    lock(&node.state).membership.has_left()
}

/// What belonged to an incarnation is void. Called before the node has another one, so that with [`OnFenced::Close`]
/// every connection is told to close before any new one is admitted.
fn void(node: &Node, outcome: Outcome) {
    if outcome == Outcome::DataLost {
        // The lease may have been valid all the time, and no other node was granted what this one holds. So its
        // connections stay, whatever `on_fenced` says.
        node.note(|events| events.data_lost += 1);
        return;
    }
    node.note(|events| events.fenced += 1);
    if node.settings.on_fenced == OnFenced::Close {
        let all = lock(&node.held).drain();
        for on_gone in all {
            on_gone(Gone::Fenced);
        }
    }
}

/// What tells this data from any other.
pub(crate) fn nonce() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_ok() {
        return u128::from_be_bytes(bytes).to_string();
    }
    // It need not be secret, only different from all that were proposed before.
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}{}", time.as_nanos(), std::process::id())
}
