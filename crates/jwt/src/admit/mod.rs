//! The decision about a request.
//!
//! - [`begin`] takes the token from the request and asks for its verification. Most verifications do not have to wait,
//!   and the decision is known at once.
//! - One that has to wait is a [`Verifying`], which the response's future polls until it has decided.
//! - A [`Decision`] is the refusal, or an [`Admitted`] handshake: its request carries a session, and its connection a
//!   policy that ends with it.
//! - Where the token comes with the first message, the handshake is admitted behind a gate, which decides later.
//! - [`plain`] decides about requests that are not handshakes.

mod begin;
mod enter;
mod gate;
mod plain;

#[cfg(feature = "axum")]
pub(crate) use self::plain::{HandshakesOnly, cookie_not_enough, reads};
pub(crate) use self::{
    begin::{Decision, Next, Verifying, begin},
    enter::Admitted,
    plain::{Good, plain},
};
