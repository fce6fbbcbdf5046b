//! What a token claims (RFC 7519, section 4.1), against what is expected.
//!
//! They are read only after the signature was verified. Errors say which claim is wrong, and repeat nothing of the
//! token's own text.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portcullis_core::identity::Subject;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{header::Types, issuers::Accepted};
use crate::{
    error::TokenError,
    json::{self, Member, Members, Present, Text},
    once::Once,
    token_id::TokenId,
    verify::Verified,
};

/// The longest `jti` and `sub`, in bytes: they become keys of maps.
const MAX_NAME: usize = 512;

/// The end of the year 9999: later times are this one.
const END_OF_TIME: u64 = 253_402_300_799;

#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) types: Types,
    /// `None`: any, or none.
    pub(crate) issuers: Option<Accepted>,
    /// `None`: any, or none.
    pub(crate) audiences: Option<BTreeSet<String>>,
    pub(crate) expiry: bool,
    pub(crate) max_lifetime: Option<Duration>,
    /// How far ahead a token may say that it was issued; `None`: any.
    pub(crate) max_ahead: Option<Duration>,
    pub(crate) leeway: Duration,
    pub(crate) subject: SubjectOf,
    pub(crate) required: BTreeSet<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) notices: Notices,
}

/// What is odd about an issuer's tokens, and does not refuse them.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    issued_ahead: Once,
    endless: Once,
    no_subject: Once,
}

/// Where a token names its subject.
#[derive(Default)]
pub(crate) enum SubjectOf {
    #[default]
    Sub,
    Claims(Box<SubjectFn>),
}

type SubjectFn = dyn Fn(&Value) -> Option<String> + Send + Sync;

impl fmt::Debug for SubjectOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sub => "sub",
            Self::Claims(_) => "of the claims",
        })
    }
}

#[derive(Default)]
struct Registered<'a> {
    iss: Member<Text<'a>>,
    sub: Member<Text<'a>>,
    aud: Member<Several<'a>>,
    exp: Member<f64>,
    nbf: Member<f64>,
    iat: Member<f64>,
    jti: Member<Text<'a>>,
    /// RFC 8693, section 4.2: separated by spaces.
    scope: Member<Several<'a>>,
    scp: Member<Several<'a>>,
}

impl<'a> Members<'a> for Registered<'a> {
    fn read<M: MapAccess<'a>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "iss" => self.iss.read(map),
            "sub" => self.sub.read(map),
            "aud" => self.aud.read(map),
            "exp" => self.exp.read(map),
            "nbf" => self.nbf.read(map),
            "iat" => self.iat.read(map),
            "jti" => self.jti.read(map),
            "scope" => self.scope.read(map),
            "scp" => self.scp.read(map),
            _ => Ok(false),
        }
    }
}

/// One string, or an array of them.
enum Several<'a> {
    One(Cow<'a, str>),
    Many(Vec<Text<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Several<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Several<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or an array of strings")
    }

    fn visit_borrowed_str<E>(self, one: &'de str) -> Result<Several<'de>, E> {
        Ok(Several::One(Cow::Borrowed(one)))
    }

    fn visit_str<E>(self, one: &str) -> Result<Several<'de>, E> {
        Ok(Several::One(Cow::Owned(one.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Several<'de>, S::Error> {
        let mut many = Vec::new();
        while let Some(one) = seq.next_element()? {
            many.push(one);
        }
        Ok(Several::Many(many))
    }
}

impl Several<'_> {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(one.as_ref()), [].as_slice()),
            Self::Many(many) => (None, many.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|Text(one)| one.as_ref()))
    }
}

impl Rules {
    pub(crate) fn admit<T: DeserializeOwned>(
        &self,
        payload: &[u8],
        now: SystemTime,
    ) -> Result<Verified<T>, TokenError> {
        let payload = json::text(payload)?;
        let claims: Registered<'_> = json::read(payload, "a registered claim of a wrong type")?;
        self.issued_for_us(&claims)?;
        let issued_at = claims.iat.value().map(time).transpose()?;
        self.issued_by_now(issued_at, now)?;
        let expires_at = self.in_time(&claims, issued_at, now)?;
        self.allowed(&claims, payload)?;
        let subject = self.subject(claims.sub.value(), payload)?;
        let id = claims.jti.value().map(named).transpose()?.map(|Text(jti)| TokenId::new(jti.as_ref()));
        let claims = serde_json::from_str(payload).map_err(|_| TokenError::Invalid("claims of another shape"))?;
        Ok(Verified { claims, subject, id, issued_at, expires_at })
    }

    fn issued_for_us(&self, claims: &Registered<'_>) -> Result<(), TokenError> {
        if let Some(issuers) = &self.issuers {
            let Text(iss) = claims.iss.as_ref().ok_or(TokenError::Invalid("no issuer"))?;
            issuers.get(iss.as_ref()).ok_or(TokenError::Invalid("issuer"))?;
        }
        if let Some(audiences) = &self.audiences {
            let aud = claims.aud.as_ref().ok_or(TokenError::Invalid("no audience"))?;
            aud.iter().find(|aud| audiences.contains(*aud)).ok_or(TokenError::Invalid("audience"))?;
        }
        Ok(())
    }

    fn issued_by_now(&self, issued_at: Option<SystemTime>, now: SystemTime) -> Result<(), TokenError> {
        let ahead = |by| issued_at.is_some_and(|issued_at| later(now, by) < issued_at);
        if self.max_ahead.is_some_and(ahead) {
            return Err(TokenError::Invalid("issued in the future"));
        }
        if ahead(self.leeway) {
            self.notices.issued_ahead.warn(
                "a token was issued in the future (`iat`): the issuer's clock is ahead, or it means milliseconds. \
                 `revoke_subject` does not revoke such tokens; `refuse_future_iat` refuses them",
            );
        }
        Ok(())
    }

    /// When it ends, leeway included.
    fn in_time(
        &self,
        claims: &Registered<'_>,
        issued_at: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, TokenError> {
        let expires = claims.exp.value().map(time).transpose()?;
        if expires.is_none() && self.expiry {
            return Err(TokenError::Invalid("no expiry"));
        }
        if expires == Some(end_of_time()) {
            self.notices.endless.warn(
                "a token expires after the year 9999 (`exp`): perhaps its issuer means milliseconds. \
                 `max_lifetime` bounds its session",
            );
        }
        // A token that says it was issued later than now has been issued by now.
        let issued = issued_at.map_or(now, |issued_at| issued_at.min(now));
        let outlived = self.max_lifetime.and_then(|max| issued.checked_add(max));
        let ends = expires.into_iter().chain(outlived).min().map(|ends| later(ends, self.leeway));
        if ends.is_some_and(|ends| now >= ends) {
            return Err(TokenError::Expired);
        }
        if let Some(nbf) = claims.nbf.value()
            && later(now, self.leeway) < time(nbf)?
        {
            return Err(TokenError::NotYetValid);
        }
        Ok(ends)
    }

    fn allowed(&self, claims: &Registered<'_>, payload: &str) -> Result<(), TokenError> {
        if !self.scopes.is_empty() {
            let scopes = [&claims.scope, &claims.scp].into_iter().filter_map(Member::as_ref);
            let scopes: BTreeSet<&str> = scopes.flat_map(Several::iter).flat_map(str::split_ascii_whitespace).collect();
            if !self.scopes.iter().all(|scope| scopes.contains(scope.as_str())) {
                return Err(TokenError::Forbidden("a scope is missing"));
            }
        }
        if self.required.is_empty() {
            return Ok(());
        }
        let members: BTreeMap<Cow<'_, str>, Option<Present>> =
            serde_json::from_str(payload).map_err(|_| TokenError::Invalid("not a JSON object"))?;
        let present = |claim: &String| matches!(members.get(claim.as_str()), Some(Some(_)));
        if self.required.iter().all(present) { Ok(()) } else { Err(TokenError::Forbidden("a claim is missing")) }
    }

    /// Of an empty name there would be one subject for all who have none.
    fn subject(&self, sub: Option<Text<'_>>, payload: &str) -> Result<Option<Subject>, TokenError> {
        let name = match &self.subject {
            SubjectOf::Sub => sub,
            SubjectOf::Claims(of) => {
                let claims = serde_json::from_str(payload).map_err(|_| TokenError::Invalid("not a JSON object"))?;
                of(&claims).map(|name| Text(Cow::Owned(name)))
            }
        };
        let Some(Text(name)) = name.map(named).transpose()? else { return Ok(None) };
        if name.is_empty() {
            self.notices.no_subject.warn(
                "a token has an empty subject, which is none: limits by subject and `revoke_subject` do not apply to it",
            );
            return Ok(None);
        }
        Ok(Some(Subject::new(name.as_ref())))
    }
}

fn named(name: Text<'_>) -> Result<Text<'_>, TokenError> {
    if name.0.len() > MAX_NAME { Err(TokenError::Invalid("a name too long")) } else { Ok(name) }
}

/// Seconds since 1970, with or without a fraction.
fn time(seconds: f64) -> Result<SystemTime, TokenError> {
    let end = Duration::from_secs(END_OF_TIME);
    if seconds.is_nan() || seconds < 0.0 {
        return Err(TokenError::Invalid("a time before 1970"));
    }
    Ok(UNIX_EPOCH + Duration::try_from_secs_f64(seconds).unwrap_or(end).min(end))
}

fn end_of_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(END_OF_TIME)
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}
