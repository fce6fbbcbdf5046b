//! The actions of operators: close, revoke, drain. Each is logged with the operator's name.

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
