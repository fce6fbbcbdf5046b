//! Which verifier is for which issuer, checked when they are put together.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error,
    fmt,
    sync::Arc,
};

use crate::verifier::Verifier;

/// The error for verifiers that cannot be combined.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifiersError {
    /// There is no verifier.
    NoVerifier,
    /// A verifier accepts any issuer, so it cannot be selected by the issuer.
    AnyIssuer,
    /// Two verifiers accept this issuer.
    SameIssuer(String),
}

impl fmt::Display for VerifiersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVerifier => f.write_str("no verifier: there must be one for each issuer"),
            Self::AnyIssuer => f.write_str("a verifier of `any_issuer` among others: each must name its `issuer`"),
            Self::SameIssuer(issuer) => write!(f, "two verifiers for the issuer {issuer:?}: there must be one"),
        }
    }
}

impl Error for VerifiersError {}

/// The verifier for an `iss`, and the issuer's name, which may be spelled otherwise there.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) verifier: Verifier,
    pub(super) issuer: Arc<str>,
}

pub(super) type Routes = HashMap<String, Route>;

pub(super) fn routes(verifiers: impl IntoIterator<Item = Verifier>) -> Result<Routes, VerifiersError> {
    let mut routes = Routes::new();
    for verifier in verifiers {
        for (iss, issuer) in verifier.issuers().ok_or(VerifiersError::AnyIssuer)? {
            match routes.entry(iss.clone()) {
                Entry::Occupied(taken) => return Err(VerifiersError::SameIssuer(taken.key().clone())),
                Entry::Vacant(free) => free.insert(Route { verifier: verifier.clone(), issuer: issuer.clone() }),
            };
        }
    }
    if routes.is_empty() { Err(VerifiersError::NoVerifier) } else { Ok(routes) }
}
