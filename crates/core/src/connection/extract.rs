//! The handle as an axum extractor, which proves that the connection is guarded.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::Connection;
use crate::refusal::Refusal;

/// Refused with a 500 where no layer guards the connection, and with a 400 where a request is no handshake. So a
/// handler that has it among its arguments cannot be reached around the layers: not where they are forgotten, nor on a
/// route that was added to a `Router` after `.layer(..)`, which covers the routes before it alone.
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
