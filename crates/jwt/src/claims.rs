//! What a handler extracts of a token: a plain value, which a test can make without one.

/// The claims of an authenticated client, as an extractor for axum (feature `axum`). It gives out a clone: the type of
/// the claims must be `Clone`.
///
/// A plain value, so that a handler that takes it can be tested without a token. What proves that there was one is
/// [`Session`](crate::Session).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Claims<T>(pub T);

impl<T> std::ops::Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
