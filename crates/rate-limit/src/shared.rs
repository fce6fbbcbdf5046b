//! What all connections of a layer have in common: its rules, and the states of keys.

use portcullis_quota::{Epoch, Secret, Table};

use crate::{
    cells::{KINDS, Meters},
    excess::Enforcement,
    key::Scope,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) meters: Meters,
    pub(crate) scope: Scope,
    pub(crate) ipv6_prefix: u8,
    pub(crate) enforcement: Enforcement,
    pub(crate) table: Table<KINDS>,
    pub(crate) secret: Secret,
    pub(crate) epoch: Epoch,
}

impl Shared {
    pub(crate) fn is_by_subject(&self) -> bool {
        matches!(self.scope, Scope::Subject { .. })
    }
}
