//! What is revoked, and which live sessions a revocation means.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Instant, SystemTime},
};

use portcullis_core::identity::Subject;

use super::revocable::Revocable;
use crate::{expiring::Expiring, token_id::TokenId};

pub(super) struct State {
    pub(super) ids: Expiring<TokenId, (), Instant>,
    /// Which tokens of a subject.
    pub(super) subjects: Expiring<Subject, Issued, Instant>,
    pub(super) everybody: Option<Issued>,
    pub(super) by_id: HashMap<TokenId, Sessions>,
    pub(super) by_subject: HashMap<Subject, Sessions>,
    pub(super) all: Sessions,
    pub(super) issuers: Issuers,
}

/// Live sessions, and when their tokens were issued.
pub(super) type Sessions = HashMap<u64, (Weak<Revocable>, Option<SystemTime>)>;

/// Which tokens, by when they were issued: of two of these, the greater one has all of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Issued {
    before: SystemTime,
    /// Those that were issued at that time, too.
    or_then: bool,
}

impl Issued {
    pub(super) fn before(time: SystemTime) -> Self {
        Self { before: time, or_then: false }
    }

    pub(super) fn up_to(time: SystemTime) -> Self {
        Self { before: time, or_then: true }
    }

    /// A token that does not say when it was issued may have been issued before.
    pub(super) fn has(self, issued: Option<SystemTime>) -> bool {
        issued.is_none_or(|issued| issued < self.before || (self.or_then && issued == self.before))
    }
}

/// Whether sessions had issuers. A revocation of the other kind matches none of them, and is likely a mistake.
#[derive(Default)]
pub(super) struct Issuers {
    with: bool,
    without: bool,
    pub(super) warned: bool,
}

impl Issuers {
    pub(super) fn register(&mut self, issuer: Option<&str>) {
        if issuer.is_some() { self.with = true } else { self.without = true }
    }

    /// Says once that a revocation matches no session of this layer.
    pub(super) fn warn(&mut self, issuer: Option<&str>) {
        let (same, other) = if issuer.is_some() { (self.with, self.without) } else { (self.without, self.with) };
        if same || !other || std::mem::replace(&mut self.warned, true) {
            return;
        }
        #[cfg(feature = "tracing")]
        tracing::warn!(
            target: "portcullis",
            "a revocation matches no session: behind `Verifiers`, subjects and tokens are named by their issuer, too \
             (`Subject::of_issuer`, `TokenId::of_issuer`), and behind a single `Verifier` they are not"
        );
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            ids: Expiring::new(),
            subjects: Expiring::new(),
            everybody: None,
            by_id: HashMap::new(),
            by_subject: HashMap::new(),
            all: HashMap::new(),
            issuers: Issuers::default(),
        }
    }

    pub(super) fn is_revoked(
        &self,
        subject: Option<&Subject>,
        id: Option<&TokenId>,
        issued: Option<SystemTime>,
    ) -> bool {
        let by_id = id.is_some_and(|id| self.ids.get(id).is_some());
        let of_subject = subject.and_then(|subject| self.subjects.get(subject)).copied();
        by_id || of_subject.max(self.everybody).is_some_and(|revoked| revoked.has(issued))
    }
}

pub(super) fn alive(sessions: &Sessions, closes: impl Fn(Option<SystemTime>) -> bool) -> Vec<Arc<Revocable>> {
    let meant = sessions.values().filter(|(_, issued)| closes(*issued));
    meant.filter_map(|(session, _)| session.upgrade()).collect()
}

pub(super) fn revoke(sessions: &[Arc<Revocable>]) -> usize {
    for session in sessions {
        session.revoke();
    }
    sessions.len()
}

pub(super) fn leave<K: Eq + std::hash::Hash>(sessions: &mut HashMap<K, Sessions>, key: &K, number: u64) {
    if let Some(of_key) = sessions.get_mut(key) {
        of_key.remove(&number);
        if of_key.is_empty() {
            sessions.remove(key);
        }
    }
}
