//! A token's header (RFC 7515, section 4).
//!
//! A header is not authenticated when it is read. It may choose among the keys that are configured, and nothing more:
//! keys and addresses of keys within it are ignored, and `crit` is refused.

use std::{collections::BTreeSet, str::FromStr};

use jsonwebtoken::Algorithm;
use serde::de::MapAccess;

use crate::{
    error::TokenError,
    json::{self, Member, Members, Text, Unique},
};

/// The longest name of a key that is looked for.
const MAX_KID: usize = 256;

/// What a header says. Keys that it brings along (`jwk`, `jku`, `x5c`, `x5u`) are ignored.
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Box<str>>,
}

#[derive(Default)]
struct Raw<'a> {
    alg: Member<Text<'a>>,
    kid: Member<Text<'a>>,
    crit: Member<Unique>,
    typ: Member<Text<'a>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn read<M: MapAccess<'a>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        match name {
            "alg" => self.alg.read(map),
            "kid" => self.kid.read(map),
            "crit" => self.crit.read(map),
            "typ" => self.typ.read(map),
            _ => Ok(false),
        }
    }
}

impl Header {
    pub(crate) fn read(json: &[u8], types: &Types) -> Result<Self, TokenError> {
        const WRONG: &str = "header without meaning";
        let raw: Raw<'_> = json::read(json::text(json)?, WRONG)?;
        let Text(alg) = raw.alg.value().ok_or(TokenError::Invalid(WRONG))?;
        if raw.crit.value().is_some() {
            // Section 4.1.11: what must be understood and is not makes a token invalid. We understand none of it.
            return Err(TokenError::Invalid("critical header"));
        }
        if raw.kid.as_ref().is_some_and(|Text(kid)| kid.len() > MAX_KID) {
            return Err(TokenError::Invalid("key name too long"));
        }
        if !types.have(raw.typ.as_ref().map(|Text(typ)| typ.as_ref())) {
            return Err(TokenError::Invalid("type of another kind of token"));
        }
        let algorithm = Algorithm::from_str(&alg).map_err(|_| TokenError::Invalid("algorithm"))?;
        Ok(Self { algorithm, kid: raw.kid.value().map(|Text(kid)| kid.into()) })
    }
}

/// What a token may say that it is (`typ`): a JWT, an access token (RFC 9068), or nothing more than a signed object
/// (RFC 7515, section 4.1.9); or what a verifier names, and then it must say so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Types(BTreeSet<String>);

impl Types {
    pub(crate) fn insert(&mut self, typ: &str) {
        self.0.insert(media_type(typ).to_ascii_lowercase());
    }

    fn have(&self, typ: Option<&str>) -> bool {
        let is = |typ: &str, listed: &str| typ.eq_ignore_ascii_case(listed);
        match typ.map(media_type) {
            Some(typ) if self.0.is_empty() => ["jwt", "at+jwt", "jose"].iter().any(|listed| is(typ, listed)),
            Some(typ) => self.0.iter().any(|listed| is(typ, listed)),
            None => self.0.is_empty(),
        }
    }
}

/// RFC 7515, section 4.1.9: a media type, of which `application/` may be left out where no other slash follows. To be
/// compared without regard to case.
fn media_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_strictly() {
        for (json, fine) in [
            (r#"{"alg":"HS256"}"#, true),
            (r#"{"alg":"RS256","kid":"a","typ":"JWT"}"#, true),
            (r#"{"alg":"RS256","typ":"application/at+jwt"}"#, true),
            (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://evil.example","x5u":"x","x5c":[]}"#, true),
            (r#"{"alg":"none"}"#, false),
            (r#"{"alg":"None"}"#, false),
            (r#"{"alg":"nOnE"}"#, false),
            (r#"{"alg":""}"#, false),
            (r#"{"alg":"hs256"}"#, false),
            (r#"{"alg":null}"#, false),
            (r#"{"alg":["HS256"]}"#, false),
            (r#"{"kid":"a"}"#, false),
            (r#"{"alg":"HS256","alg":"none"}"#, false),
            (r#"{"alg":"HS256","crit":["exp"]}"#, false),
            (r#"{"alg":"HS256","crit":[]}"#, false),
            (r#"{"alg":"HS256","kid":7}"#, false),
            (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, false),
            ("{}", false),
        ] {
            assert_eq!(Header::read(json.as_bytes(), &Types::default()).is_ok(), fine, "{json}");
        }
        let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257));
        assert!(Header::read(long.as_bytes(), &Types::default()).is_err());
    }

    #[test]
    fn types_are_compared_as_media_types() {
        let mut access = Types::default();
        access.insert("application/AT+JWT");
        for (typ, by_default, access_token) in [
            (Some("JWT"), true, false),
            (Some("application/jwt"), true, false),
            (Some("APPLICATION/JWT"), true, false),
            (Some("JOSE"), true, false),
            (Some("at+jwt"), true, true),
            (Some("AT+JWT"), true, true),
            (Some("Application/at+jwt"), true, true),
            (Some("application/x/at+jwt"), false, false),
            (Some("text/jwt"), false, false),
            (Some("JOSE+JSON"), false, false),
            (Some("dpop+jwt"), false, false),
            (Some("logout+jwt"), false, false),
            (Some(""), false, false),
            (None, true, false),
        ] {
            assert_eq!((Types::default().have(typ), access.have(typ)), (by_default, access_token), "{typ:?}");
        }
    }
}
