//! The registry as an axum extractor; where no layer has put one into the request, that is a mistake of wiring.

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::Connections;
use crate::refusal::Refusal;

/// Refused with a 500 where no layer of a registry stands outside.
impl<S: Sync> FromRequestParts<S> for Connections {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| {
            let sentence = "`Connections` was extracted where no `connections.layer()` stands outside of the handler";
            Refusal::misconfigured(sentence).answering(parts)
        })
    }
}
