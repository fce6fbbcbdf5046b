//! The handle as an axum extractor, which proves that the connection is guarded.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::Connection;
use crate::refusal::Refusal;

/// Rejected with 500 if no layer guards the connection, and with 400 if the request is not a handshake. So a handler
/// with this argument cannot be reached without the layers: neither where they were forgotten, nor on a route that was
/// added to a `Router` after `.layer(..)`, which covers earlier routes only.
impl<S: Sync> FromRequestParts<S> for Connection {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| {
            let sentence = "`Connection` was extracted where no layer guards it: add a layer to the route that guards, such \
                            as `GuardLayer`. `Router::layer` covers the routes that were added before it, and no \
                            others. A request that came over no connection, as in a test by `oneshot`, has none";
            Refusal::missing_extension(parts, sentence)
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Connection {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}
