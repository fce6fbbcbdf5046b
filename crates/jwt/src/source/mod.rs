//! Where a handshake carries its token.

mod cookie;
mod protocol;
mod query;

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, Entry},
    request::Parts,
};

use crate::error::TokenError;

/// A token as it came. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// One place where a token may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Bearer,
    Cookie(String),
    Query(String),
    Subprotocol(String),
    SubprotocolPrefix(String),
}

/// What was taken out of a handshake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) token: Option<Token>,
    /// The subprotocol to select if the handler selects none.
    pub(crate) marker: Option<HeaderValue>,
    /// The subprotocol to select if the handshake is refused, and accepted only to be closed.
    pub(crate) fallback: Option<HeaderValue>,
    /// The token is one that a browser sends for any page.
    pub(crate) ambient: bool,
}

/// Takes tokens out of a handshake. The first source that has one decides, and whatever later ones carry is taken out
/// all the same, so that nobody inside sees it.
pub(crate) fn take(sources: &[Source], parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
    let mut haul = Taken::default();
    let mut outcome = None;
    for source in sources {
        let found = source.take(parts, &mut haul);
        if outcome.is_none() {
            match found {
                Ok(None) => continue,
                Ok(Some(token)) => haul.token = Some(token),
                Err(error) => {
                    outcome = Some(Err(error));
                    continue;
                }
            }
            haul.ambient = matches!(source, Source::Cookie(_));
            outcome = Some(Ok(()));
        }
    }
    (haul, outcome.unwrap_or(Ok(())))
}

impl Source {
    fn take(&self, parts: &mut Parts, haul: &mut Taken) -> Result<Option<Token>, TokenError> {
        match self {
            Self::Bearer => bearer(parts),
            Self::Cookie(name) => cookie::take(name, parts),
            Self::Query(name) => query::take(name, parts),
            Self::Subprotocol(marker) => protocol::take_pair(marker, parts, haul),
            Self::SubprotocolPrefix(prefix) => protocol::take_prefixed(prefix, parts, haul),
        }
    }
}

/// `Authorization: Bearer <token>` (RFC 6750, section 2.1). Other schemes are somebody else's.
fn bearer(parts: &mut Parts) -> Result<Option<Token>, TokenError> {
    hide(&mut parts.headers, AUTHORIZATION);
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::Malformed("more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| TokenError::Malformed("Authorization is not text"))?;
    Ok(match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(Token(token.trim().to_owned())),
        _ => None,
    })
}

/// Before a header is read: one that is no token's may be let in all the same, behind a source that decided.
fn hide(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut values) = headers.entry(name) {
        for value in values.iter_mut() {
            value.set_sensitive(true);
        }
    }
}

#[cfg(test)]
mod tests;
