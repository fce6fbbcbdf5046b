//! Answers, with the headers that keep a page to itself.

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

/// Scripts, styles and requests of our own, and nothing else: whatever text is shown, no script comes from it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const JSON: &str = "application/json";

/// What stands on every answer.
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
        // Maps with keys that are not strings cannot be written, and none is shown.
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "this cannot be written as JSON"),
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
    let mut response = failure(StatusCode::METHOD_NOT_ALLOWED, "another method is needed here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(crate) fn try_later(error: &str) -> Response<ConsoleBody> {
    let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, error);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A page at `/console` would look for its files beside it: to `/console/`, if axum says that it stands there. The
/// address is relative, so that it leads nowhere else whatever the path is.
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
