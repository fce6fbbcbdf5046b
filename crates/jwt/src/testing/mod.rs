//! What the tests of an application need, with feature `test-util`. Not for production.
//!
//! - [`Tokens`] accepts tokens made from values, in place of a [`Verifier`](crate::Verifier): nothing is signed.
//! - [`Session::detached`](crate::Session::detached) makes a session from values, for a handler that takes one.
//!
//! [`Claims`](crate::Claims) needs no more than its constructor: `me(Claims(user)).await`. A request whose extensions
//! hold a session has its claims, too.

mod session;
mod tokens;

pub use self::tokens::Tokens;
