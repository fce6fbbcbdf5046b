//! Revocations that hold on all nodes: each has a copy of all, by names, and decides by that.

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
    everybody: Name,
}

impl Sharing {
    pub(super) fn token(&self, id: &TokenId) -> Name {
        self.store.name("revoked token", &id.to_bytes())
    }

    pub(super) fn subject(&self, subject: &Subject) -> Name {
        self.store.name("revoked subject", &subject.to_bytes())
    }

    pub(super) fn everybody(&self) -> Name {
        self.everybody
    }

    pub(super) fn publish(&self, revocation: Revocation) -> Decision<bool> {
        self.store.publish(revocation)
    }

    /// Whether the copy says enough to let anybody in.
    pub(super) fn check(&self) -> Result<(), TokenError> {
        match self.store.stale() {
            None | Some(Away::Alone) => Ok(()),
            Some(_) => Err(TokenError::LimitsUnavailable),
        }
    }
}

impl Revocations {
    /// Shares revocations with other nodes, by a store such as `portcullis_redis::Cluster`: what one node revokes is
    /// revoked on all, and connections that live on it are closed wherever they are.
    ///
    /// Each node has a copy of all revocations, and decides by that: a handshake asks nobody. While the copy may not be
    /// whole for longer than the store allows, and before it was ever whole, new handshakes, first messages, renewals
    /// and plain requests are refused with 503 (1013), unless the store was told that this node is then alone. Live
    /// connections go on.
    ///
    /// What stands in the store are hashes with a secret, and times. Where it has lost its data, the nodes put back
    /// what they have. Nodes that share are told the same longest time that a token lives:
    /// [`remember`](Self::remember).
    ///
    /// # Panics
    ///
    /// If something was revoked already, or a session is known: nodes share from the beginning.
    #[track_caller]
    pub fn shared(self, store: &(impl ShareRevocations + Clone)) -> Self {
        let used = self.0.sharing.is_some() || self.0.lock().is_used();
        assert!(!used, "revocations are shared before they are used, and by one store");
        let store: Arc<dyn ShareRevocations> = Arc::new(store.clone());
        let everybody = store.name("revoked everybody", b"");
        let shared = Self::with(self.remembers(), Some(Sharing { store: store.clone(), everybody }));
        let copy: Weak<Shared> = Arc::downgrade(&shared.0);
        store.follow(copy);
        shared
    }
}

impl RevocationCopy for Shared {
    fn apply(&self, revocation: Revocation, until: Option<Instant>) {
        let Revocation { name, issued, life, all_live, .. } = revocation;
        let was_live = |since| all_live && until.is_some_and(|until| since <= until);
        self.revoke(Key::Named(name), issued, life, |session| issued.has(session.issued) || was_live(session.since));
    }

    fn all(&self) -> Vec<Revocation> {
        self.lock().named(now())
    }
}
