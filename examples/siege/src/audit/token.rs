//! Invalid tokens, made from a valid one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A signed token (RFC 7519): its claims, and the text of its three parts.
pub(super) struct Jwt<'a> {
    header: &'a str,
    claims: Value,
    encoded: &'a str,
    signature: &'a str,
}

impl<'a> Jwt<'a> {
    /// Parses a token. `None` if it is not a JWT.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, encoded, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let _algorithm = decode(header)?.get("alg")?;
        let claims = decode(encoded).filter(Value::is_object)?;
        parts.next().is_none().then_some(Self { header, claims, encoded, signature })
    }

    /// Different claims with the original signature.
    pub(super) fn altered(&self) -> String {
        let mut claims = self.claims.clone();
        claims["sub"] = "admin".into();
        claims["admin"] = true.into();
        format!("{}.{}.{}", self.header, encode(&claims), self.signature)
    }

    /// `alg: none`, which asks the server not to check the signature.
    pub(super) fn unsigned(&self) -> String {
        format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), self.encoded)
    }

    /// An invalid signature of the right length.
    pub(super) fn forged(&self) -> String {
        let turned: String = self.signature.chars().rev().collect();
        // A palindrome would still be valid.
        let other = if turned == self.signature { "A".repeat(turned.len()) } else { turned };
        format!("{}.{}.{other}", self.header, self.encoded)
    }

    /// When it expires, in seconds since 1970.
    pub(super) fn expires(&self) -> Option<u64> {
        let expires = self.claims.get("exp")?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a saturated time is far away")]
        expires.as_u64().or_else(|| expires.as_f64().map(|seconds| seconds as u64))
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn changed_tokens_differ_in_the_right_part() {
        let claims = json!({"sub": "alice", "exp": 1_700_000_000});
        let token = format!("{}.{}.c2lnbmF0dXJl", encode(&json!({"alg": "HS256"})), encode(&claims));
        let jwt = Jwt::parse(&token).unwrap();
        assert_eq!(jwt.expires(), Some(1_700_000_000));
        let altered = jwt.altered();
        assert_eq!(Jwt::parse(&altered).unwrap().claims["sub"], "admin");
        assert!(altered.ends_with(".c2lnbmF0dXJl"));
        assert!(jwt.unsigned().ends_with('.') && jwt.unsigned().contains(jwt.encoded));
        assert_ne!(jwt.forged(), token);
        assert_eq!(jwt.forged().rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().0);
        for other in ["", "opaque", "a.b", "a.b.c", &format!("{token}.more")] {
            assert!(Jwt::parse(other).is_none(), "{other}");
        }
    }
}
