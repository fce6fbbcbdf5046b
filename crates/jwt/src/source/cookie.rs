//! A cookie (RFC 6265, section 5.4). Over HTTP/2 there may be several headers of them (RFC 9113, section 8.2.3).
//!
//! A browser sends all cookies of a site together, in whatever octets each was set. Only the value of ours must be
//! text: a header that others have written into locks no client out.
//!
//! Two cookies of the same name are refused, and not the first one taken: a page on a sibling domain can set a cookie
//! for the whole site, and which of the two is sent first is a browser's choice (RFC 6265, section 5.4).

use http::{HeaderMap, HeaderValue, header::COOKIE, request::Parts};

use super::{sensitive::hide, token::Token};
use crate::error::TokenError;

pub(super) fn take(name: &str, parts: &mut Parts) -> Result<Option<Token>, TokenError> {
    hide(&mut parts.headers, COOKIE);
    let cookies = parts.headers.get_all(COOKIE).iter().flat_map(split);
    let mut values = cookies.filter_map(|cookie| value_of(name, cookie));
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::Malformed("the cookie is there twice"));
    }
    let text = str::from_utf8(unquoted(value)).ok().filter(|text| text.is_ascii());
    text.map(|text| Some(Token(text.to_owned()))).ok_or(TokenError::Malformed("the cookie is not text"))
}

/// Takes the cookie out of the headers, and leaves the others as they are, to the byte.
pub(super) fn remove(name: &str, headers: &mut HeaderMap) {
    let ours = |cookie: &[u8]| value_of(name, cookie).is_some();
    let before: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    if !before.iter().flat_map(split).any(ours) {
        return;
    }
    headers.remove(COOKIE);
    for value in before {
        if let Some(left) = without(ours, value) {
            headers.append(COOKIE, left);
        }
    }
}

/// What is left of a header; `None` if that is nothing.
fn without(ours: impl Fn(&[u8]) -> bool, value: HeaderValue) -> Option<HeaderValue> {
    if !split(&value).any(&ours) {
        return Some(value);
    }
    let others: Vec<&[u8]> = split(&value).filter(|cookie| !ours(cookie)).collect();
    let mut left = HeaderValue::from_bytes(others.join(&b';').trim_ascii_start()).ok()?;
    left.set_sensitive(value.is_sensitive());
    (!left.is_empty()).then_some(left)
}

fn split(cookies: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    cookies.as_bytes().split(|byte| *byte == b';')
}

fn value_of<'a>(name: &str, cookie: &'a [u8]) -> Option<&'a [u8]> {
    let at = cookie.iter().position(|byte| *byte == b'=')?;
    (cookie[..at].trim_ascii() == name.as_bytes()).then(|| cookie[at + 1..].trim_ascii())
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}
