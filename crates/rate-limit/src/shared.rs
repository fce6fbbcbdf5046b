//! What all connections of a layer have in common: its rules, and the states of keys.

use http::request::Parts;
use portcullis_core::{
    identity::Subject,
    refusal::{Kind, Refusal},
};
use portcullis_quota::{Epoch, Secret, Table};

use crate::{
    cells::{KINDS, Meters},
    excess::Enforcement,
    key::{Owner, Scope, of_subject},
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
}

impl Shared {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (meters, scope) = (settings.meters(), settings.scope());
        let most = if scope.is_shared() { settings.max_keys } else { 0 };
        Self {
            table: Table::new(most, meters.period()),
            meters,
            scope,
            ipv6_prefix: settings.ipv6_prefix,
            enforcement: settings.enforcement.clone(),
            secret: Secret::default(),
            epoch: Epoch::new(),
        }
    }

    /// Whose quota the connection of a handshake uses.
    pub(crate) fn owner(&self, parts: &Parts) -> Result<Owner, Refusal> {
        let owner = self.scope.owner(parts, &self.secret, self.ipv6_prefix);
        owner.or_else(|refusal| {
            if !self.enforcement.report_only || refusal.kind() == Kind::WIRING {
                return Err(refusal);
            }
            refusal.report();
            Ok(Owner::Unknown)
        })
    }

    /// Whose quota a connection uses once its subject is known, if that makes a difference.
    pub(crate) fn owner_of(&self, subject: &Subject) -> Option<Owner> {
        matches!(self.scope, Scope::Subject { .. }).then(|| Owner::Shared(of_subject(&self.secret, subject)))
    }
}
