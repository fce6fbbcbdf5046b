//! The issuer that a token claims, before anything is verified.
//!
//! It selects a verifier and proves nothing. That verifier then checks the signature and, once more, the issuer.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{error::TokenError, verifier::decode};

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Option<Cow<'a, str>>,
}

/// Reads the issuer. It is only good for choosing who verifies the token, `iss` included.
pub(super) fn issuer(token: &str) -> Result<String, TokenError> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Invalid("not three parts"));
    };
    let payload = decode(payload)?;
    let claims: Claims<'_> = serde_json::from_slice(&payload)
        .map_err(|_| TokenError::Invalid("not a JSON object, or an issuer that is not one string"))?;
    claims.iss.map(Cow::into_owned).ok_or(TokenError::Invalid("no issuer"))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    #[test]
    fn the_issuer_is_read_of_anything_that_may_be_a_token() {
        for (payload, issuer) in [
            (r#"{"iss":"a"}"#, Some("a")),
            (r#"{"sub":{"iss":"b"},"iss":"\u0061"}"#, Some("a")),
            (r#"{"iss":"a","iss":"b"}"#, None),
            (r#"{"iss":"a","\u0069ss":"b"}"#, None),
            (r#"{"iss":["a"]}"#, None),
            (r#"{"iss":7}"#, None),
            (r#"{"iss":null}"#, None),
            ("{}", None),
            ("[]", None),
            ("", None),
        ] {
            let token = format!(".{}.", BASE64_URL_SAFE_NO_PAD.encode(payload));
            assert_eq!(super::issuer(&token).ok().as_deref(), issuer, "{payload}");
        }
        for token in ["", ".", "..", "...", ".e30=.", ".{}.", "é.é.é"] {
            assert!(super::issuer(token).is_err(), "{token}");
        }
        let deep = format!(".{}.", BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"a\":{}", "[".repeat(100_000))));
        assert!(super::issuer(&deep).is_err());
    }
}
