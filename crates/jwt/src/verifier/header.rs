//! A token's header (RFC 7515, section 4).

use std::{borrow::Cow, str::FromStr};

use jsonwebtoken::Algorithm;
use serde::Deserialize;

use crate::{
    error::TokenError,
    json::{self, Present},
};

/// The longest name of a key that is looked for.
const MAX_KID: usize = 256;

/// What a header says. Keys that it brings along (`jwk`, `jku`, `x5c`, `x5u`) are nobody's.
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    crit: Option<Present>,
    #[serde(borrow)]
    typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, TokenError> {
        json::check(json)?;
        let raw: Raw<'a> = serde_json::from_slice(json).map_err(|_| TokenError::Invalid("header without meaning"))?;
        if raw.crit.is_some() {
            // Section 4.1.11: what must be understood and is not makes a token invalid. We understand none of it.
            return Err(TokenError::Invalid("critical header"));
        }
        if raw.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(TokenError::Invalid("key name too long"));
        }
        if raw.typ.is_some_and(|typ| !is_token_type(&typ)) {
            return Err(TokenError::Invalid("type of another kind of token"));
        }
        let algorithm = Algorithm::from_str(&raw.alg).map_err(|_| TokenError::Invalid("algorithm"))?;
        Ok(Self { algorithm, kid: raw.kid })
    }
}

/// `JWT`, or an access token (RFC 9068), with or without `application/`.
fn is_token_type(typ: &str) -> bool {
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("at+jwt")
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
            assert_eq!(Header::read(json.as_bytes()).is_ok(), fine, "{json}");
        }
        let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257));
        assert!(Header::read(long.as_bytes()).is_err());
    }
}
