//! What an operator may do: close, revoke, drain. Each is logged with who did it.

mod act;
mod close;
#[cfg(feature = "liveness")]
mod drain;
mod log;
mod request;
#[cfg(feature = "jwt")]
mod revoke;
mod target;

pub(crate) use self::{act::act, request::read};
