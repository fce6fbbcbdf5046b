//! A server with every way in which a handshake and a connection can end.

pub mod asks;
pub mod log;
mod server;
pub mod ways;

pub use self::server::{Later, ask_in_vain, behind_a_gate, gated, open, registered, routes, talk};
