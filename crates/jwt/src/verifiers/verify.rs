//! The way of a token to the verifier of its issuer.

use std::{fmt, sync::Arc, time::SystemTime};

use portcullis_core::identity::Subject;
use serde::de::DeserializeOwned;

use super::{
    build::{self, Route, Routes, VerifiersError},
    claim,
};
use crate::{
    error::TokenError,
    token_id::TokenId,
    verifier::Verifier,
    verify::{Verification, Verified, Verify},
};

/// Verifies the tokens of several issuers, each with a verifier of its own. Clones share them. The
/// [module's page](crate::verifiers) lists the rules.
#[derive(Clone)]
pub struct Verifiers(Arc<Inner>);

struct Inner {
    routes: Routes,
    max_bytes: usize,
}

impl Verifiers {
    /// Puts verifiers together: one for each issuer, or for several names of one.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, Verifiers, verifiers::VerifiersError};
    ///
    /// let of = |issuer: &str| Verifier::hs256([7; 32]).issuer(issuer).audience("chat").build().unwrap();
    /// assert!(Verifiers::new([of("https://a.example.com"), of("https://b.example.com")]).is_ok());
    ///
    /// let twice = Verifiers::new([of("https://a.example.com"), of("https://a.example.com")]);
    /// assert_eq!(twice.unwrap_err(), VerifiersError::SameIssuer("https://a.example.com".into()));
    /// let any = Verifier::hs256([7; 32]).any_issuer().audience("chat").build().unwrap();
    /// assert_eq!(Verifiers::new([any]).unwrap_err(), VerifiersError::AnyIssuer);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`VerifiersError`]: there is none, one accepts any issuer, or two accept the same.
    pub fn new(verifiers: impl IntoIterator<Item = Verifier>) -> Result<Self, VerifiersError> {
        let routes = build::routes(verifiers)?;
        let max_bytes = routes.values().map(|route| route.verifier.longest()).max().unwrap_or_default();
        Ok(Self(Arc::new(Inner { routes, max_bytes })))
    }
}

impl Inner {
    fn route(&self, token: &str) -> Result<Route, TokenError> {
        // The layer asks `max_bytes` of any `Verify` before; this is for what is called without a layer.
        if token.len() > self.max_bytes {
            return Err(TokenError::Invalid("too long"));
        }
        let issuer = claim::issuer(token)?;
        self.routes.get(&issuer).cloned().ok_or(TokenError::Invalid("issuer"))
    }
}

impl<T: DeserializeOwned + Send + 'static> Verify<T> for Verifiers {
    fn verify(&self, token: &str) -> Verification<T> {
        match self.0.route(token) {
            Ok(Route { verifier, issuer }) => {
                verifier.verify(token).map(move |result| result.map(|verified| of_issuer(verified, &issuer)))
            }
            Err(error) => Verification::ready(Err(error)),
        }
    }

    fn max_bytes(&self) -> usize {
        self.0.max_bytes
    }

    /// The latest of the verifiers' clocks.
    fn now(&self) -> SystemTime {
        let clocks = self.0.routes.values().map(|route| route.verifier.time());
        clocks.max().unwrap_or_else(SystemTime::now)
    }
}

/// What its issuer has named is known by the issuer, too.
fn of_issuer<T>(mut verified: Verified<T>, issuer: &Arc<str>) -> Verified<T> {
    verified.subject = verified.subject.map(|subject| Subject::of_issuer(issuer.clone(), subject.as_str()));
    verified.id = verified.id.map(|id| TokenId::of_issuer(issuer.clone(), id.as_str()));
    verified
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifiers").field("issuers", &self.0.routes.keys()).finish_non_exhaustive()
    }
}
