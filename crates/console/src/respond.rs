//! Responses, with the headers that isolate the page.

#[cfg(feature = "axum")]
use http::header::LOCATION;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    request::Parts,
};
use serde::Serialize;

use crate::{assets::Asset, body::ConsoleBody};

/// Only our own scripts, styles and requests: text that is shown can never become a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const JSON: &str = "application/json";

/// The headers of every response.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
}

fn respond(status: StatusCode, kind: &'static str, body: ConsoleBody) -> Response<ConsoleBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(crate) fn asset(asset: &Asset) -> Response<ConsoleBody> {
    respond(StatusCode::OK, asset.kind, ConsoleBody::full(asset.text))
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<ConsoleBody> {
    match serde_json::to_vec(value) {
        Ok(bytes) => respond(status, JSON, ConsoleBody::full(bytes)),
        // Only maps with keys that are not strings cannot be serialized, and there are none.
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "the response could not be serialized"),
    }
}

pub(crate) fn events(body: ConsoleBody) -> Response<ConsoleBody> {
    respond(StatusCode::OK, "text/event-stream", body)
}

pub(crate) fn failure(status: StatusCode, error: &str) -> Response<ConsoleBody> {
    let text = serde_json::to_vec(&Failure { error }).unwrap_or_default();
    respond(status, JSON, ConsoleBody::full(text))
}

pub(crate) fn wrong_method(allowed: &'static str) -> Response<ConsoleBody> {
    let mut response = failure(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(crate) fn try_later(error: &str) -> Response<ConsoleBody> {
    let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, error);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Redirects `/console` to `/console/`, if axum has recorded the original path: without the slash, the page would load
/// its files from the wrong folder. The location is relative, so that it stays below that folder whatever the path is.
#[cfg(feature = "axum")]
pub(crate) fn to_folder(parts: &Parts) -> Option<Response<ConsoleBody>> {
    let path = parts.extensions.get::<axum::extract::OriginalUri>()?.path();
    if parts.uri.path().len() > 1 || path.ends_with('/') {
        return None;
    }
    let (_, last) = path.rsplit_once('/')?;
    let mut response = respond(StatusCode::PERMANENT_REDIRECT, JSON, ConsoleBody::default());
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(&format!("./{last}/")).ok()?);
    Some(response)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn to_folder(_: &Parts) -> Option<Response<ConsoleBody>> {
    None
}
