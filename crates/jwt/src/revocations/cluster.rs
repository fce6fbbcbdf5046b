//! Revocations that apply on all nodes. Each node keeps a copy of all of them by their names, and decides by that.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use portcullis_core::{
    Decision,
    clock::now,
    identity::Subject,
    shared::{Away, Name, Revocation, RevocationCopy, ShareRevocations},
};

use super::{
    index::Key,
    revoke::{Revocations, Shared},
};
use crate::{error::TokenError, token_id::TokenId};

/// The other nodes.
pub(super) struct Sharing {
    store: Arc<dyn ShareRevocations>,
    all_tokens: Name,
}

impl Sharing {
    pub(super) fn token(&self, id: &TokenId) -> Name {
        self.store.name("revoked token", &id.to_bytes())
    }

    pub(super) fn subject(&self, subject: &Subject) -> Name {
        self.store.name("revoked subject", &subject.to_bytes())
    }

    pub(super) fn all_tokens(&self) -> Name {
        self.all_tokens
    }

    pub(super) fn publish(&self, revocation: Revocation) -> Decision<bool> {
        self.store.publish(revocation)
    }

    /// Whether the copy is complete enough to admit a token.
    pub(super) fn check(&self) -> Result<(), TokenError> {
        match self.store.stale() {
            None | Some(Away::Alone) => Ok(()),
            Some(_) => Err(TokenError::LimitsUnavailable),
        }
    }
}

impl Revocations {
    /// Shares revocations with other nodes, through a store such as `portcullis_redis::Cluster`. What one node revokes
    /// is revoked on all nodes, and they close the connections it authenticated.
    ///
    /// Each node keeps a copy of all revocations and decides by that, so a handshake does not ask the store. Before the
    /// copy was complete for the first time, and while it may have been incomplete for longer than the store's
    /// `stale_after`, new handshakes, first messages, renewals and plain requests are refused with 503 (1013), unless
    /// the store's `when_away` is `Alone`. Live connections continue.
    ///
    /// The store contains only keyed hashes and times. If it loses its data, the nodes restore what they have. Use the
    /// same longest lifetime of a token on all nodes: [`remember`](Self::remember).
    ///
    /// # Panics
    ///
    /// If something was revoked already, or a session is known: nodes have to share from the beginning.
    #[track_caller]
    pub fn shared(self, store: &(impl ShareRevocations + Clone)) -> Self {
        let used = self.0.sharing.is_some() || self.0.lock().is_used();
        assert!(!used, "revocations are shared before they are used, and by one store");
        let store: Arc<dyn ShareRevocations> = Arc::new(store.clone());
        let all_tokens = store.name("revoked everybody", b"");
        let shared = Self::with(self.remembers(), Some(Sharing { store: store.clone(), all_tokens }));
        // Weak, since the store lives as long as the process: it stops following once no layer and no application has
        // this.
        let copy: Weak<Shared> = Arc::downgrade(&shared.0);
        store.follow(copy);
        shared
    }
}

impl RevocationCopy for Shared {
    fn apply(&self, revocation: Revocation, until: Option<Instant>) {
        let Revocation { name, issued, life, all_live, .. } = revocation;
        // `until` is the latest time at which the revocation can have been sent, by this node's clock. A session that
        // began after it is a new login, which a message that arrives late must not close.
        let was_live = |since| all_live && until.is_some_and(|until| since <= until);
        self.revoke(Key::Named(name), issued, life, |session| issued.has(session.issued) || was_live(session.since));
    }

    fn all(&self) -> Vec<Revocation> {
        self.lock().named(now())
    }
}
