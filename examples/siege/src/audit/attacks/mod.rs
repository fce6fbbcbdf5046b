//! The attacks of an audit, and the legitimate clients.

mod all;
mod beside;
mod connections;
mod floods;
mod frames;
mod http2;
mod origins;
mod polite;
mod silence;
mod sizes;
mod smuggling;
mod tokens;
mod transport;

pub(super) use self::{all::all, polite::control};
