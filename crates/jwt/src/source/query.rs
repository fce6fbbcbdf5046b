//! A parameter of the query, which is taken out of the URI before a service inside can log it.
//!
//! A URI ends up in access logs, in `Referer` headers and in histories. What stands in front of the server has seen it
//! already; this only keeps it from spreading inside. axum's `OriginalUri`, which is kept beside the request, loses it
//! as well.

use http::{Uri, request::Parts, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

use super::token::Token;
use crate::error::TokenError;

pub(super) fn take(name: &str, parts: &mut Parts) -> Result<Option<Token>, TokenError> {
    let Some(query) = parts.uri.query() else { return Ok(None) };
    let (ours, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| is_named(pair, name));
    let token = match ours.as_slice() {
        [] => return Ok(None),
        [pair] => decoded(pair.split_once('=').map_or("", |(_, value)| value)),
        _ => Err(TokenError::Malformed("the query has the token twice")),
    };
    let rest = others.join("&");
    parts.uri = without(&parts.uri, &rest);
    #[cfg(feature = "axum")]
    if let Some(original) = parts.extensions.get_mut::<axum::extract::OriginalUri>() {
        let query = original.0.query().unwrap_or_default().split('&');
        let rest: Vec<&str> = query.filter(|pair| !is_named(pair, name)).collect();
        original.0 = without(&original.0, &rest.join("&"));
    }
    token.map(Some)
}

/// However it is spelled: what some reader inside would take for the token is the token.
fn is_named(pair: &str, name: &str) -> bool {
    let key = pair.split_once('=').map_or(pair, |(key, _)| key);
    percent_decode_str(key).eq(name.bytes())
}

fn decoded(value: &str) -> Result<Token, TokenError> {
    let token = percent_decode_str(value).decode_utf8();
    token.map(|token| Token(token.into_owned())).map_err(|_| TokenError::Malformed("the token is not UTF-8"))
}

fn without(uri: &Uri, query: &str) -> Uri {
    let path = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    let mut parts = uri.clone().into_parts();
    // A part of what was a URI is one; if it were not, nothing of it may go on.
    parts.path_and_query = PathAndQuery::try_from(path).ok().or(Some(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_default()
}
