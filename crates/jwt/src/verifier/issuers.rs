//! Which issuers a verifier accepts, as they were said, resolved when it is built.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::build_error::BuildError;
#[cfg(feature = "jwks")]
use crate::jwks::tenants;

/// What a token may say of its issuer (`iss`), and the issuer that it means.
pub(crate) type Accepted = BTreeMap<String, Arc<str>>;

/// What was said of issuers.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) names: BTreeSet<String>,
    /// Each with its issuer.
    pub(super) aliases: BTreeSet<(String, String)>,
    pub(super) any: bool,
    #[cfg(feature = "jwks")]
    pub(super) tenants: BTreeSet<String>,
}

impl Said {
    pub(super) fn make_sense(&self) -> Result<(), BuildError> {
        let Self { names, aliases, any, .. } = self;
        let spelled: BTreeSet<_> = aliases.iter().map(|(alias, _)| alias).collect();
        let clear = aliases.iter().all(|(alias, issuer)| names.contains(issuer) && !names.contains(alias));
        if !clear || spelled.len() < aliases.len() {
            return Err(BuildError::Alias);
        }
        match (names.is_empty(), any) {
            (true, false) => Err(BuildError::NoIssuer),
            (false, true) => Err(BuildError::Contradiction("`issuer` or `any_issuer`")),
            _ => Ok(()),
        }
    }

    /// `None`: any, or none.
    pub(super) fn resolve(self) -> Option<Accepted> {
        let Self { names, aliases, any, .. } = self;
        if any {
            return None;
        }
        let meant = aliases.into_iter().map(|(alias, issuer)| (alias, issuer.into()));
        Some(names.into_iter().map(|name| (name.clone(), name.into())).chain(meant).collect())
    }
}

#[cfg(feature = "jwks")]
impl Said {
    /// What is said, where the keys are known to be those of an issuer.
    pub(super) fn with_keys_of(self, issuer: Option<&str>) -> Result<Self, BuildError> {
        match issuer {
            Some(pattern) if tenants::is_pattern(pattern) => self.of_tenants(pattern),
            _ if !self.tenants.is_empty() => Err(BuildError::NoPattern),
            Some(issuer) => self.of_issuer(issuer),
            None => Ok(self),
        }
    }

    fn of_issuer(mut self, issuer: &str) -> Result<Self, BuildError> {
        if self.names.is_empty() && !self.any {
            self.names.insert(issuer.to_owned());
        }
        if self.any || self.names.contains(issuer) { Ok(self) } else { Err(BuildError::OtherIssuer) }
    }

    /// Anyone can have a tenant: those that are trusted are named.
    fn of_tenants(mut self, pattern: &str) -> Result<Self, BuildError> {
        for tenant in &self.tenants {
            self.names.insert(tenants::of_tenant(pattern, tenant).ok_or(BuildError::Tenant)?);
        }
        let named = !self.any && !self.names.is_empty();
        let fit = self.names.iter().all(|name| tenants::fits(pattern, name));
        if named && fit { Ok(self) } else { Err(BuildError::NoTenants) }
    }
}
