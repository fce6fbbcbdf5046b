//! The way of a signed token through its verification: what costs little comes first.
//!
//! Verification is what an attacker can make a server do for free, so length, shape, header and key are checked before
//! any signature is computed.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{
    claims::Rules,
    compact::{Parts, decode_into},
    header::Header,
    issuers::Accepted,
    last_header::LastHeader,
};
#[cfg(feature = "jwks")]
use crate::jwks::{Found, Jwks};
use crate::{
    error::TokenError,
    keys::{Key, Keys},
    verify::{Verification, Verified, Verify},
};

/// Verifies signed tokens with your own keys, or with those that an issuer publishes.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    source: Source,
    rules: Rules,
    max_bytes: usize,
    clock: Clock,
    last_header: LastHeader,
}

/// Where keys come from.
pub(super) enum Source {
    Keys(Keys),
    #[cfg(feature = "jwks")]
    Jwks(Jwks),
}

#[cfg(feature = "jwks")]
impl Source {
    /// Whose keys these are, if that is known.
    pub(super) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Keys(_) => None,
            Self::Jwks(jwks) => jwks.issuer(),
        }
    }
}

pub(super) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

impl Verifier {
    pub(super) fn new(source: Source, rules: Rules, max_bytes: usize, clock: Clock) -> Self {
        Self(Arc::new(Inner { source, rules, max_bytes, clock, last_header: LastHeader::default() }))
    }

    /// What a token may say of its issuer, with the issuer that it means; `None` if it may say anything.
    pub(crate) fn issuers(&self) -> Option<&Accepted> {
        self.0.rules.issuers.as_ref()
    }

    pub(crate) fn longest(&self) -> usize {
        self.0.max_bytes
    }

    pub(crate) fn time(&self) -> SystemTime {
        (self.0.clock)()
    }
}

impl Inner {
    fn parts<'a>(&self, token: &'a str) -> Result<(Parts<'a>, Arc<Header>), TokenError> {
        // The layer asks `max_bytes` of any `Verify` before; this is for a verifier that is called without a layer, or
        // by a `Verify` around it.
        if token.len() > self.max_bytes {
            return Err(TokenError::Invalid("too long"));
        }
        let parts = Parts::split(token)?;
        let header = self.last_header.read(parts.header, &self.rules.types)?;
        Ok((parts, header))
    }

    fn judge<T: DeserializeOwned>(
        &self,
        parts: &Parts<'_>,
        header: &Arc<Header>,
        key: &Key,
    ) -> Result<Verified<T>, TokenError> {
        // One buffer for both, with room for the claims, which are longer.
        let mut decoded = Vec::with_capacity(parts.payload.len());
        decode_into(&mut decoded, parts.signature)?;
        key.check(header.algorithm, parts.message, &decoded)?;
        self.last_header.verified(parts.header, header);
        decode_into(&mut decoded, parts.payload)?;
        self.rules.admit(&decoded, (self.clock)())
    }
}

impl<T: DeserializeOwned + Send + 'static> Verify<T> for Verifier {
    fn verify(&self, token: &str) -> Verification<T> {
        let (parts, header) = match self.0.parts(token) {
            Ok(parts) => parts,
            Err(error) => return Verification::ready(Err(error)),
        };
        match &self.0.source {
            Source::Keys(keys) => {
                let key = keys.find(header.kid.as_deref(), header.algorithm);
                Verification::ready(key.map_err(TokenError::from).and_then(|key| self.0.judge(&parts, &header, &key)))
            }
            #[cfg(feature = "jwks")]
            Source::Jwks(jwks) => match jwks.find(header.kid.as_deref(), header.algorithm) {
                Found::Now(key) => Verification::ready(key.and_then(|key| self.0.judge(&parts, &header, &key))),
                Found::Later(asked) => {
                    let (inner, token) = (self.0.clone(), token.to_owned());
                    Verification::wait(async move {
                        let key = asked.await?;
                        let (parts, header) = inner.parts(&token)?;
                        inner.judge(&parts, &header, &key)
                    })
                }
            },
        }
    }

    fn max_bytes(&self) -> usize {
        self.longest()
    }

    fn now(&self) -> SystemTime {
        self.time()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("rules", &self.0.rules)
            .field("max_bytes", &self.0.max_bytes)
            .finish_non_exhaustive()
    }
}
