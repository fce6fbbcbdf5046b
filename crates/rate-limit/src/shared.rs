//! What all connections of a layer have in common: its rules, and the states of keys.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    identity::Subject,
    refusal::{Kind, Refusal},
};
use portcullis_quota::{Epoch, Key, Secret, Table};

use crate::{
    cells::{self, Cells, KINDS, Meters},
    cluster::{BlockHandle, KeyBlocks, Sharing},
    excess::Enforcement,
    key::{By, Owned, Scope},
    settings::Settings,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) meters: Meters,
    pub(crate) enforcement: Enforcement,
    pub(crate) table: Table<KINDS>,
    pub(crate) epoch: Epoch,
    scope: Scope,
    ipv6_prefix: u8,
    secret: Secret,
    /// Where other nodes count, too.
    blocks: Option<Arc<KeyBlocks>>,
}

/// Whose quota a connection uses, and what it has left of its own.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    Own(Cells),
    Shared(Key),
    /// Of all nodes together.
    Cluster(Key, Arc<BlockHandle>),
    /// No owner, until the peer is known.
    Unknown(Cells),
}

impl Shared {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (meters, scope, epoch) = (settings.meters(), settings.scope(), Epoch::new());
        // A connection's own quota is in its account. Without a scope the table stays empty and costs nothing.
        let max = if scope.is_shared() { settings.max_keys } else { 0 };
        let sharing = settings.sharing.clone();
        let sharing = sharing.map(|sharing| Sharing { block: settings.block.map(Into::into), ..sharing });
        Self {
            table: Table::new(max, meters.period()),
            meters,
            scope,
            ipv6_prefix: settings.ipv6_prefix,
            enforcement: settings.enforcement.clone(),
            secret: Secret::default(),
            epoch,
            blocks: sharing.map(|sharing| Arc::new(KeyBlocks::new(sharing, epoch, max))),
        }
    }

    /// Whose quota the connection of a handshake uses.
    pub(crate) fn owned(&self, parts: &Parts) -> Result<Owned, Refusal> {
        match self.scope.owned(parts, self.ipv6_prefix) {
            Err(refusal) if self.enforcement.report_only && refusal.kind() != Kind::WIRING => {
                refusal.report();
                Ok(Owned::Unknown)
            }
            owned => owned,
        }
    }

    /// The quota, and what a connection has left of its own.
    pub(crate) fn owner(&self, owned: &Owned) -> Owner {
        match owned {
            Owned::Own => Owner::Own(Cells::default()),
            Owned::Unknown => Owner::Unknown(Cells::default()),
            Owned::By(by) => self.shared_by(by),
        }
    }

    /// Whose quota a connection uses once its subject is known, if that makes a difference.
    pub(crate) fn owner_of(&self, subject: &Subject) -> Option<Owner> {
        matches!(self.scope, Scope::Subject { .. }).then(|| self.shared_by(&By::Subject(subject.clone())))
    }

    fn shared_by(&self, by: &By) -> Owner {
        let key = by.key(&self.secret);
        let (Some(blocks), Some(meter)) = (&self.blocks, self.meters.0[cells::Kind::Messages]) else {
            return Owner::Shared(key);
        };
        // The name is a keyed hash of the store's secret, and the key one of this process's: neither can be computed
        // from the other.
        Owner::Cluster(key, Arc::new(blocks.join(by.name(blocks.store()), meter)))
    }

    /// How many keys have something bought.
    #[cfg(test)]
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.as_ref().map_or(0, |blocks| blocks.len())
    }

    /// How many messages are bought at once.
    #[cfg(test)]
    pub(crate) fn block(&self) -> u64 {
        let blocks = self.blocks.as_ref().unwrap();
        blocks.terms(self.meters.0[cells::Kind::Messages].unwrap()).0.block
    }
}
