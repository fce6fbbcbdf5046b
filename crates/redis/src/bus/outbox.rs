//! What is still to be sent to all nodes.
//!
//! The queue is bounded. A revocation that cannot be sent now is remembered and sent when the store is back; a command
//! is not, because it is for connections that are open at the moment at which it is given.
//!
//! Three things are kept here, for three reasons:
//!
//! - what waits to be sent now, in order, each with a caller that may wait for the answer;
//! - revocations that the store may not have ([`Unsent`]): what did not fit into the queue, what was refused or not
//!   answered, and what a reader found missing in the set. It has as many entries as there are names in the copies, and
//!   the order does not matter, because of two revocations of a name both hold;
//! - revocations that the store has accepted of late. A server that takes the place of another may not have been told
//!   of them, and nothing shows that: they are sent again after each reconnection, and ignored where they are known.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

use portcullis_core::{
    Decision,
    shared::{Name, NodeId, Revocation},
};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{followers::Followers, message::Message};
use crate::lock::lock;

/// How many messages may wait to be sent. More are refused.
const QUEUE: usize = 1024;

/// How many of the revocations that were sent last are remembered.
const RECENT: usize = 4096;

/// What is to be sent, and the local receivers of what all nodes have sent.
pub(crate) struct Outbox {
    /// What this node is called in commands to one connection.
    pub(crate) node: NodeId,
    /// The queue. It is never waited for: where it is full, the caller learns that at once.
    outgoing: mpsc::Sender<Outgoing>,
    /// The receiving end, until the task takes it.
    waiting: Mutex<Option<mpsc::Receiver<Outgoing>>>,
    pub(super) unsent: Mutex<Unsent>,
    /// Something was added to `unsent`.
    pub(super) unsent_added: Notify,
    pub(crate) followers: Mutex<Followers>,
    /// There is a follower.
    pub(super) followed: Notify,
}

/// A message that waits to be sent.
pub(crate) struct Outgoing {
    pub(super) message: Message,
    /// Told whether the store has accepted it.
    pub(super) answer: oneshot::Sender<bool>,
}

impl Outbox {
    pub(crate) fn new(node: NodeId) -> Self {
        let (outgoing, waiting) = mpsc::channel(QUEUE);
        Self {
            node,
            outgoing,
            waiting: Mutex::new(Some(waiting)),
            unsent: Mutex::default(),
            unsent_added: Notify::new(),
            followers: Mutex::default(),
            followed: Notify::new(),
        }
    }

    /// Sends a message to all nodes. It is in the queue when this returns.
    pub(crate) fn post(&self, message: Message) -> Decision<bool> {
        let (answer, answered) = oneshot::channel();
        // In the queue before the answer is awaited: a revocation is sent even if the caller drops the answer, and in
        // the order in which it was said.
        match self.outgoing.try_send(Outgoing { message, answer }) {
            Ok(()) => Decision::wait(async move { answered.await.unwrap_or(false) }),
            Err(mpsc::error::TrySendError::Full(outgoing) | mpsc::error::TrySendError::Closed(outgoing)) => {
                if let Message::Revocation(revocation) = outgoing.message {
                    self.keep([revocation]);
                }
                Decision::ready(false)
            }
        }
    }

    /// Keeps revocations that the store may not have. They are sent as soon as it can be reached.
    pub(super) fn keep(&self, revocations: impl IntoIterator<Item = Revocation>) {
        lock(&self.unsent).extend(revocations);
        self.unsent_added.notify_one();
    }

    /// The receiving end of the queue, for the one task that sends.
    pub(super) fn outgoing(&self) -> Option<mpsc::Receiver<Outgoing>> {
        lock(&self.waiting).take()
    }

    /// There is a follower more.
    pub(crate) fn follow(&self, change: impl FnOnce(&mut Followers)) {
        change(&mut lock(&self.followers));
        // `Notify` stores a permit if the task does not wait yet, so the reader begins even if it is spawned later.
        self.followed.notify_one();
    }
}

/// Revocations that the store may not have.
#[derive(Default)]
pub(super) struct Unsent {
    revocations: BTreeMap<Name, Revocation>,
    /// Some were taken to be sent, and the store has not answered. The task that sends takes none before that.
    on_their_way: bool,
    /// What this node told of late, which a server that took another's place may not have.
    recent: VecDeque<(Instant, Revocation)>,
}

impl Unsent {
    /// Keeps these. Two revocations of the same name become one that revokes what both do.
    pub(super) fn extend(&mut self, revocations: impl IntoIterator<Item = Revocation>) {
        for revocation in revocations {
            let unsent = self.revocations.entry(revocation.name).or_insert(revocation);
            // Neither of two need include the other: one may reach further ahead, and the other close what is open now.
            // Whichever was dropped would never be told.
            unsent.issued = unsent.issued.max(revocation.issued);
            unsent.life = unsent.life.max(revocation.life);
            unsent.all_live |= revocation.all_live;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.revocations.is_empty()
    }

    /// Takes some of them to be sent. Until [`answered`](Self::answered), they are neither here nor told.
    pub(super) fn take(&mut self, max: usize) -> Vec<Revocation> {
        let names: Vec<_> = self.revocations.keys().copied().take(max).collect();
        let taken: Vec<_> = names.iter().filter_map(|name| self.revocations.remove(name)).collect();
        self.on_their_way = !taken.is_empty();
        taken
    }

    /// What was taken is told, or is back.
    pub(super) fn answered(&mut self) {
        self.on_their_way = false;
    }

    /// Whether the store has all that it was to be told.
    pub(super) fn is_told(&self) -> bool {
        self.revocations.is_empty() && !self.on_their_way
    }

    /// The store has it.
    pub(super) fn told(&mut self, revocation: Revocation, now: Instant) {
        // A node that revokes more than this within two leases leaves the oldest to the copies, which are compared with
        // the set when data is lost.
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((now, revocation));
    }

    /// What was told after a time.
    pub(super) fn told_since(&mut self, time: Option<Instant>) -> Vec<Revocation> {
        self.recent.retain(|(told, _)| time.is_none_or(|time| *told >= time));
        self.recent.iter().map(|(_, revocation)| *revocation).collect()
    }
}

/// How long ago a server that took another's place may have stopped to be told.
pub(super) fn lag(lease: Duration) -> Duration {
    lease * 2
}

#[cfg(test)]
mod tests {
    use portcullis_core::shared::Issued;

    use super::*;

    fn revocation(name: u8, issued: u64) -> Revocation {
        Revocation::new(Name::from_bytes([name; 16]), Issued::from_u64(issued), Duration::from_secs(60))
    }

    #[test]
    fn revocations_of_a_name_are_sent_as_one() {
        let mut unsent = Unsent::default();
        unsent.extend([revocation(1, 5), revocation(1, 9), revocation(1, 7), revocation(2, 1)]);
        assert_eq!(unsent.take(1), [revocation(1, 9)]);
        assert_eq!(unsent.take(9), [revocation(2, 1)]);
        assert!(unsent.is_empty() && !unsent.is_told(), "the store has not answered");
        unsent.answered();
        assert!(unsent.is_told());
    }

    /// A subject's tokens of the next hour are revoked, then all that it has now, or the other way round.
    #[test]
    fn of_two_revocations_of_a_name_nothing_is_forgotten() {
        let (now, mut ahead) = (revocation(1, 5).all_live(), revocation(1, 9));
        ahead.life = Duration::from_secs(90);
        for both in [[now, ahead], [ahead, now]] {
            let mut unsent = Unsent::default();
            unsent.extend(both);
            assert_eq!(unsent.take(9), [ahead.all_live()]);
        }
    }

    #[test]
    fn what_was_told_of_late_is_known_for_a_while() {
        let (mut unsent, now) = (Unsent::default(), Instant::now());
        unsent.told(revocation(1, 1), now);
        unsent.told(revocation(2, 1), now + Duration::from_secs(9));
        assert_eq!(unsent.told_since(Some(now + Duration::from_secs(5))), [revocation(2, 1)]);
        for _ in 0..2 * RECENT {
            unsent.told(revocation(3, 1), now);
        }
        assert_eq!(unsent.told_since(None).len(), RECENT);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_commands_and_owes_revocations() {
        let outbox = Outbox::new(NodeId::from_bytes([0; 16]));
        let post = || outbox.post(Message::Revocation(revocation(1, 1)));
        let waiting: Vec<_> = (0..QUEUE).map(|_| post().at_once()).collect();
        assert!(waiting.iter().all(Result::is_err), "they are on their way");
        assert!(lock(&outbox.unsent).is_empty());
        assert!(!post().await);
        assert_eq!(lock(&outbox.unsent).take(9).len(), 1);
    }
}
