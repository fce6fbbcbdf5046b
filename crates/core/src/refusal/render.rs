//! A refusal as axum's response: what the extractors of all layers reject with.
//!
//! With axum, a function that returns `Result<_, Refusal>` can be a handler or a middleware: the refusal is counted
//! when it becomes a response, and an outer `CloseLayer` finds it there.

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};

use super::Refusal;

/// The status, with the sentence as its body. See [`Refusal::into_response`].
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Self::into_response::<Body>(self)
    }
}
