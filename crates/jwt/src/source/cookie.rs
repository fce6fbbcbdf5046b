//! A cookie (RFC 6265, section 5.4). Over HTTP/2 there may be several headers of them (RFC 9113, section 8.2.3).

use http::{header::COOKIE, request::Parts};

use super::{sensitive::hide, token::Token};
use crate::error::TokenError;

pub(super) fn take(name: &str, parts: &mut Parts) -> Result<Option<Token>, TokenError> {
    hide(&mut parts.headers, COOKIE);
    let mut found = None;
    for value in parts.headers.get_all(COOKIE) {
        let Ok(cookies) = value.to_str() else {
            return Err(TokenError::Malformed("a cookie is not text"));
        };
        for cookie in cookies.split(';') {
            let Some((_, value)) = cookie.split_once('=').filter(|(key, _)| key.trim() == name) else { continue };
            if found.replace(Token(unquoted(value.trim()).to_owned())).is_some() {
                return Err(TokenError::Malformed("the cookie is there twice"));
            }
        }
    }
    Ok(found)
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
