//! What is revoked, and which live sessions a revocation means.
//!
//! A revocation finds its sessions by key, so its cost does not grow with the number of others. Revocations and
//! sessions are under one lock: of a revocation and a new session at the same time, the later one sees the earlier one.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{
    identity::Subject,
    shared::{Issued, Name, Revocation},
};

use super::revocable::Revocable;
use crate::{expiring::Expiring, token_id::TokenId};

/// What a token is revoked by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Token(TokenId),
    Subject(Subject),
    All,
    /// Any of these, where nodes share revocations.
    Named(Name),
}

/// All that a session may be revoked by.
pub(super) type Keys = [Option<Key>; 3];

pub(super) struct State {
    revoked: Expiring<Key, Issued, Instant>,
    /// Live sessions.
    pub(super) live: HashMap<Key, HashMap<u64, Session>>,
    pub(super) issuers: Issuers,
}

/// A live session.
pub(super) struct Session {
    pub(super) of: Weak<Revocable>,
    /// When its token was issued.
    pub(super) issued: Option<SystemTime>,
    pub(super) since: Instant,
}

impl State {
    pub(super) fn new() -> Self {
        Self { revoked: Expiring::new(), live: HashMap::new(), issuers: Issuers::default() }
    }

    pub(super) fn is_revoked(&self, keys: &Keys, issued: Option<SystemTime>) -> bool {
        keys.iter().flatten().filter_map(|key| self.revoked.get(key)).any(|revoked| revoked.has(issued))
    }

    /// Remembers a revocation, beside an earlier one of the key. Returns the live sessions of the key for which
    /// `closes` holds.
    pub(super) fn revoke(
        &mut self,
        key: Key,
        issued: Issued,
        until: Option<Instant>,
        now: Instant,
        closes: impl Fn(&Session) -> bool,
    ) -> Vec<Arc<Revocable>> {
        self.revoked.forget(now);
        // The wider of the two, as `Issued` is ordered by what it includes: a later revocation never narrows an earlier
        // one.
        let all = self.revoked.get(&key).map_or(issued, |earlier| issued.max(*earlier));
        let sessions = self.live.get(&key).into_iter().flat_map(HashMap::values);
        // One that cannot be upgraded is being dropped: its session is over.
        let meant = sessions.filter(|session| closes(session)).filter_map(|session| session.of.upgrade()).collect();
        self.revoked.insert(key, all, until);
        meant
    }

    /// What was revoked by names, and how long it is remembered still.
    pub(super) fn named(&self, now: Instant) -> Vec<Revocation> {
        let left = |until: Option<Instant>| until.map_or(Duration::MAX, |until| until.saturating_duration_since(now));
        let named = self.revoked.iter().filter_map(|(key, issued, until)| match key {
            Key::Named(name) => Some(Revocation::new(*name, *issued, left(until))),
            _ => None,
        });
        named.filter(|revocation| !revocation.life.is_zero()).collect()
    }

    /// Whether anything was revoked, or any session is known.
    pub(super) fn is_used(&self) -> bool {
        self.revoked.len() > 0 || !self.live.is_empty()
    }

    pub(super) fn register(&mut self, keys: &Keys, number: u64, session: impl Fn() -> Session) {
        for key in keys.iter().flatten() {
            self.live.entry(key.clone()).or_default().insert(number, session());
        }
    }

    pub(super) fn leave(&mut self, keys: &Keys, number: u64) {
        for key in keys.iter().flatten() {
            if let Some(of_key) = self.live.get_mut(key) {
                of_key.remove(&number);
                if of_key.is_empty() {
                    self.live.remove(key);
                }
            }
        }
    }
}

/// Closes sessions. Nothing is locked. Returns how many.
pub(super) fn close(sessions: &[Arc<Revocable>]) -> usize {
    for session in sessions {
        session.revoke();
    }
    sessions.len()
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
        if !same && other && !std::mem::replace(&mut self.warned, true) {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "portcullis",
                "a revocation matches no session: behind `Verifiers`, subjects and tokens are named by their issuer, \
                 too (`Subject::of_issuer`, `TokenId::of_issuer`), and behind a single `Verifier` they are not"
            );
        }
    }
}
