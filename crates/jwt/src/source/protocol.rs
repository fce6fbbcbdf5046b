//! A subprotocol (RFC 6455, section 4.1): the only header that a script in a browser can choose.
//!
//! The token must not be selected, since the server's choice is echoed in the response, where logs and proxies see it.
//! A browser, on the other hand, drops a connection whose server selects nothing of what was offered. So a client
//! offers the token beside a name that can be selected: the marker of a pair, or any other subprotocol with a prefix.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};

use super::token::Token;
use crate::{error::TokenError, subprotocols::Subprotocols};

/// `marker, <token>`.
pub(super) fn take_pair(
    marker: &str,
    parts: &mut Parts,
    subprotocols: &mut Subprotocols,
) -> Result<Option<Token>, TokenError> {
    let mut offered = offered(&mut parts.headers)?;
    let Some(at) = offered.iter().position(|name| name == marker) else { return Ok(None) };
    offered.remove(at);
    let token = (at < offered.len()).then(|| offered.remove(at));
    let again = offered.iter().any(|name| name == marker || Some(name) == token.as_ref());
    // Where one of the two is there again (RFC 6455, section 4.1: each is offered once), the token may be, too: the
    // services inside see none of it.
    offer(&mut parts.headers, if again { &[] } else { &offered });
    subprotocols.mark(marker);
    if again {
        return Err(TokenError::Malformed("the subprotocols have the token twice"));
    }
    token.map(|token| Some(Token(token))).ok_or(TokenError::Malformed("no token behind the subprotocol"))
}

/// `<prefix><base64url(token)>`, beside a subprotocol that can be selected.
pub(super) fn take_prefixed(
    prefix: &str,
    parts: &mut Parts,
    subprotocols: &mut Subprotocols,
) -> Result<Option<Token>, TokenError> {
    let (ours, others): (Vec<String>, Vec<String>) =
        offered(&mut parts.headers)?.into_iter().partition(|name| name.starts_with(prefix));
    if ours.is_empty() {
        return Ok(None);
    }
    offer(&mut parts.headers, &others);
    subprotocols.fall_back(others.first().map(String::as_str));
    let [token] = ours.as_slice() else {
        return Err(TokenError::Malformed("the subprotocols have the token twice"));
    };
    if others.is_empty() {
        // The token is not echoed, and a browser drops a connection that selects nothing of what it offered.
        return Err(TokenError::Malformed("a subprotocol to select must be offered beside the token"));
    }
    let token =
        BASE64_URL_SAFE_NO_PAD.decode(&token[prefix.len()..]).ok().and_then(|token| String::from_utf8(token).ok());
    token.map(|token| Some(Token(token))).ok_or(TokenError::Malformed("the token in the subprotocol is not base64url"))
}

/// An offer that cannot be read is hidden from the services inside: a token may be in any part of it.
fn offered(headers: &mut HeaderMap) -> Result<Vec<String>, TokenError> {
    let names = read(headers);
    if names.is_err() {
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
    }
    names
}

fn read(headers: &HeaderMap) -> Result<Vec<String>, TokenError> {
    let mut names = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let text = value.to_str().map_err(|_| TokenError::Malformed("a subprotocol is not text"))?;
        names.extend(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Ok(names)
}

fn offer(headers: &mut HeaderMap, names: &[String]) {
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(value) = HeaderValue::from_str(&names.join(", "))
        && !names.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
}
