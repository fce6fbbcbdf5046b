//! What a token claims (RFC 7519, section 4.1), against what is expected.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portcullis_core::identity::Subject;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::TokenError,
    json::{self, Present},
    verify::Verified,
};

/// The longest `jti` and `sub`, in bytes: they become keys of maps.
const MAX_NAME: usize = 512;

/// The end of the year 9999: later times are this one.
const END_OF_TIME: u64 = 253_402_300_799;

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// `None`: any, or none.
    pub(crate) issuers: Option<BTreeSet<String>>,
    /// `None`: any, or none.
    pub(crate) audiences: Option<BTreeSet<String>>,
    pub(crate) expiry: bool,
    pub(crate) leeway: Duration,
    pub(crate) required: BTreeSet<String>,
    pub(crate) scopes: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Registered<'a> {
    #[serde(borrow)]
    iss: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sub: Option<Cow<'a, str>>,
    #[serde(borrow)]
    aud: Option<Several<'a>>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    #[serde(borrow)]
    jti: Option<Cow<'a, str>>,
    /// RFC 8693, section 4.2: separated by spaces.
    #[serde(borrow)]
    scope: Option<Several<'a>>,
    #[serde(borrow)]
    scp: Option<Several<'a>>,
}

/// One string, or an array of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(#[serde(borrow)] Vec<Cow<'a, str>>),
}

impl Several<'_> {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), [].as_slice()),
            Self::Many(many) => (None, many.as_slice()),
        };
        one.into_iter().chain(many).map(AsRef::as_ref)
    }
}

impl Rules {
    pub(crate) fn admit<T: DeserializeOwned>(
        &self,
        payload: &[u8],
        now: SystemTime,
    ) -> Result<Verified<T>, TokenError> {
        json::check(payload)?;
        let claims: Registered<'_> =
            serde_json::from_slice(payload).map_err(|_| TokenError::Invalid("a registered claim of a wrong type"))?;
        self.issued_for_us(&claims)?;
        let expires_at = self.in_time(&claims, now)?;
        self.allowed(&claims, payload)?;
        let issued_at = claims.iat.map(time).transpose()?;
        let subject = claims.sub.map(named).transpose()?.map(|sub| Subject::new(sub.as_ref()));
        let id = claims.jti.map(named).transpose()?.map(|jti| jti.into_owned().into_boxed_str());
        let claims = serde_json::from_slice(payload).map_err(|_| TokenError::Invalid("claims of another shape"))?;
        Ok(Verified { claims, subject, id, issued_at, expires_at })
    }

    fn issued_for_us(&self, claims: &Registered<'_>) -> Result<(), TokenError> {
        if let Some(issuers) = &self.issuers {
            let iss = claims.iss.as_deref().ok_or(TokenError::Invalid("no issuer"))?;
            issuers.get(iss).ok_or(TokenError::Invalid("issuer"))?;
        }
        if let Some(audiences) = &self.audiences {
            let aud = claims.aud.as_ref().ok_or(TokenError::Invalid("no audience"))?;
            aud.iter().find(|aud| audiences.contains(*aud)).ok_or(TokenError::Invalid("audience"))?;
        }
        Ok(())
    }

    /// When it ends, leeway included.
    fn in_time(&self, claims: &Registered<'_>, now: SystemTime) -> Result<Option<SystemTime>, TokenError> {
        let ends = match claims.exp {
            Some(exp) => Some(later(time(exp)?, self.leeway)),
            None if self.expiry => return Err(TokenError::Invalid("no expiry")),
            None => None,
        };
        if ends.is_some_and(|ends| now >= ends) {
            return Err(TokenError::Expired);
        }
        if let Some(nbf) = claims.nbf
            && later(now, self.leeway) < time(nbf)?
        {
            return Err(TokenError::NotYetValid);
        }
        Ok(ends)
    }

    fn allowed(&self, claims: &Registered<'_>, payload: &[u8]) -> Result<(), TokenError> {
        let scopes =
            claims.scope.iter().chain(&claims.scp).flat_map(Several::iter).flat_map(str::split_ascii_whitespace);
        let scopes: BTreeSet<&str> = scopes.collect();
        if !self.scopes.iter().all(|scope| scopes.contains(scope.as_str())) {
            return Err(TokenError::Forbidden("a scope is missing"));
        }
        if self.required.is_empty() {
            return Ok(());
        }
        let members: BTreeMap<Cow<'_, str>, Option<Present>> =
            serde_json::from_slice(payload).map_err(|_| TokenError::Invalid("not a JSON object"))?;
        let present = |claim: &String| matches!(members.get(claim.as_str()), Some(Some(_)));
        if self.required.iter().all(present) { Ok(()) } else { Err(TokenError::Forbidden("a claim is missing")) }
    }
}

fn named(name: Cow<'_, str>) -> Result<Cow<'_, str>, TokenError> {
    if name.len() > MAX_NAME { Err(TokenError::Invalid("a name too long")) } else { Ok(name) }
}

/// Seconds since 1970, with or without a fraction.
fn time(seconds: f64) -> Result<SystemTime, TokenError> {
    let end = Duration::from_secs(END_OF_TIME);
    if seconds.is_nan() || seconds < 0.0 {
        return Err(TokenError::Invalid("a time before 1970"));
    }
    Ok(UNIX_EPOCH + Duration::try_from_secs_f64(seconds).unwrap_or(end).min(end))
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}
