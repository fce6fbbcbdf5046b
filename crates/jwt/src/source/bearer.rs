//! `Authorization: Bearer <token>` (RFC 6750, section 2.1). Other schemes are not ours to read.

use http::{
    HeaderMap,
    header::{AUTHORIZATION, Entry},
    request::Parts,
};

use super::{sensitive::hide_all, token::Token};
use crate::error::TokenError;

/// In any case, and with the space behind it.
const SCHEME: &str = "Bearer ";

pub(super) fn take(parts: &mut Parts) -> Result<Option<Token>, TokenError> {
    let Entry::Occupied(mut values) = parts.headers.entry(AUTHORIZATION) else { return Ok(None) };
    hide_all(&mut values);
    if values.iter().nth(1).is_some() {
        return Err(TokenError::Malformed("more than one Authorization header"));
    }
    let text = values.get().to_str().map_err(|_| TokenError::Malformed("Authorization is not text"))?;
    Ok(match text.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => Some(Token(token.trim_ascii().to_owned())),
        _ => None,
    })
}

/// Takes the header out, whatever its scheme.
pub(super) fn remove(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
}
