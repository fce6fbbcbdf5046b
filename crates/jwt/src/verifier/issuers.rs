//! Which issuers a verifier accepts, as they were said, resolved when it is built.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::builder::BuildError;

/// What a token may say of its issuer (`iss`), and the issuer that it means.
pub(crate) type Accepted = BTreeMap<String, Arc<str>>;

/// What was said of issuers.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) names: BTreeSet<String>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) any: bool,
}

impl Said {
    pub(super) fn make_sense(&self) -> Result<(), BuildError> {
        let Self { names, aliases, any } = self;
        if aliases.iter().any(|(alias, issuer)| !names.contains(issuer) || names.contains(alias)) {
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
        let Self { names, aliases, any } = self;
        if any {
            return None;
        }
        let meant = aliases.into_iter().map(|(alias, issuer)| (alias, issuer.into()));
        Some(names.into_iter().map(|name| (name.clone(), name.into())).chain(meant).collect())
    }
}
