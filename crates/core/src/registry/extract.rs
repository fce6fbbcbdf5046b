//! The registry as an axum extractor. If no layer has inserted one into the request, the layers are composed wrongly.

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::Connections;
use crate::refusal::Refusal;

/// Rejected with 500 if no [`ConnectionsLayer`](super::ConnectionsLayer) is outside of the handler.
impl<S: Sync> FromRequestParts<S> for Connections {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| {
            let sentence = "`Connections` was extracted where no `connections.layer()` stands outside of the handler";
            Refusal::misconfigured(sentence).answering(parts)
        })
    }
}
