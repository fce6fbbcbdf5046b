//! What is to be told to all nodes.

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

/// So many messages wait to be told; more are not.
const QUEUE: usize = 1024;

/// So many revocations are remembered as told of late.
const RECENT: usize = 4096;

/// What is to be told, and who is told.
pub(crate) struct Outbox {
    pub(crate) node: NodeId,
    letters: mpsc::Sender<Letter>,
    /// Until the task takes it that sends them.
    waiting: Mutex<Option<mpsc::Receiver<Letter>>>,
    pub(super) owed: Mutex<Owed>,
    /// Something is owed.
    pub(super) owing: Notify,
    pub(crate) followers: Mutex<Followers>,
    /// There is a follower.
    pub(super) followed: Notify,
}

/// A message on its way.
pub(crate) struct Letter {
    pub(super) message: Message,
    /// Whether the store has it.
    pub(super) answer: oneshot::Sender<bool>,
}

impl Outbox {
    pub(crate) fn new(node: NodeId) -> Self {
        let (letters, waiting) = mpsc::channel(QUEUE);
        Self {
            node,
            letters,
            waiting: Mutex::new(Some(waiting)),
            owed: Mutex::default(),
            owing: Notify::new(),
            followers: Mutex::default(),
            followed: Notify::new(),
        }
    }

    /// Tells all nodes. On its way when this returns.
    pub(crate) fn post(&self, message: Message) -> Decision<bool> {
        let (answer, answered) = oneshot::channel();
        match self.letters.try_send(Letter { message, answer }) {
            Ok(()) => Decision::wait(async move { answered.await.unwrap_or(false) }),
            Err(mpsc::error::TrySendError::Full(letter) | mpsc::error::TrySendError::Closed(letter)) => {
                if let Message::Revocation(revocation) = letter.message {
                    self.owe([revocation]);
                }
                Decision::ready(false)
            }
        }
    }

    /// These are told as soon as they can be, unless the store has them.
    pub(super) fn owe(&self, revocations: impl IntoIterator<Item = Revocation>) {
        lock(&self.owed).extend(revocations);
        self.owing.notify_one();
    }

    /// What waits to be told, for the one task that tells it.
    pub(super) fn letters(&self) -> Option<mpsc::Receiver<Letter>> {
        lock(&self.waiting).take()
    }

    /// There is a follower more.
    pub(crate) fn follow(&self, change: impl FnOnce(&mut Followers)) {
        change(&mut lock(&self.followers));
        self.followed.notify_one();
    }
}

/// Revocations that the store may not have.
#[derive(Default)]
pub(super) struct Owed {
    revocations: BTreeMap<Name, Revocation>,
    /// What this node told of late, which a server that took another's place may not have.
    recent: VecDeque<(Instant, Revocation)>,
}

impl Owed {
    /// Of two of a name the one that revokes more is owed.
    pub(super) fn extend(&mut self, revocations: impl IntoIterator<Item = Revocation>) {
        for revocation in revocations {
            let owed = self.revocations.entry(revocation.name).or_insert(revocation);
            if owed.issued < revocation.issued || revocation.all_live {
                *owed = revocation;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.revocations.is_empty()
    }

    /// Some of them, as if they were told.
    pub(super) fn take(&mut self, max: usize) -> Vec<Revocation> {
        let names: Vec<_> = self.revocations.keys().copied().take(max).collect();
        names.iter().filter_map(|name| self.revocations.remove(name)).collect()
    }

    /// The store has it.
    pub(super) fn told(&mut self, revocation: Revocation, now: Instant) {
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
    fn of_two_that_are_owed_the_one_that_revokes_more_is() {
        let mut owed = Owed::default();
        owed.extend([revocation(1, 5), revocation(1, 9), revocation(1, 7), revocation(2, 1)]);
        assert_eq!(owed.take(1), [revocation(1, 9)]);
        assert_eq!(owed.take(9), [revocation(2, 1)]);
        assert!(owed.is_empty());
    }

    #[test]
    fn what_was_told_of_late_is_known_for_a_while() {
        let (mut owed, now) = (Owed::default(), Instant::now());
        owed.told(revocation(1, 1), now);
        owed.told(revocation(2, 1), now + Duration::from_secs(9));
        assert_eq!(owed.told_since(Some(now + Duration::from_secs(5))), [revocation(2, 1)]);
        for _ in 0..2 * RECENT {
            owed.told(revocation(3, 1), now);
        }
        assert_eq!(owed.told_since(None).len(), RECENT);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_commands_and_owes_revocations() {
        let outbox = Outbox::new(NodeId::from_bytes([0; 16]));
        let post = || outbox.post(Message::Revocation(revocation(1, 1)));
        let waiting: Vec<_> = (0..QUEUE).map(|_| post().at_once()).collect();
        assert!(waiting.iter().all(Result::is_err), "they are on their way");
        assert!(lock(&outbox.owed).is_empty());
        assert!(!post().await);
        assert_eq!(lock(&outbox.owed).take(9).len(), 1);
    }
}
