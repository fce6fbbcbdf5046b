//! The extractor for a token's claims: a plain value that a test can create without a token.

/// The claims of an authenticated client, as an extractor for axum (feature `axum`). It clones them, so the type must
/// be `Clone`.
///
/// It is a plain value, so that handlers can be tested without a token. The proof that there was one is
/// [`Session`](crate::Session).
///
/// This struct is complete.
///
/// ```
/// use portcullis_jwt::Claims;
///
/// #[derive(Clone, serde::Deserialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn greet(Claims(user): Claims<User>) -> String {
///     format!("Hello, {}!", user.name)
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// assert_eq!(greet(Claims(User { name: "Alice".into() })).await, "Hello, Alice!");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Claims<T>(pub T);

impl<T> std::ops::Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
