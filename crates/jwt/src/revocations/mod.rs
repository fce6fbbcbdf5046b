//! Revoked tokens, and the live connections that they authenticated.
//!
//! [`revoke`] is the handle that users and sessions have; [`index`] is what is revoked and who lives on it, as a plain
//! state under one lock; [`revocable`] is a session as a revocation finds it; [`cluster`] shares revocations with
//! other nodes.

mod cluster;
mod index;
mod revocable;
mod revoke;

#[cfg(test)]
mod tests;

pub use self::revoke::Revocations;
pub(crate) use self::{revocable::Revocable, revoke::Registration};
