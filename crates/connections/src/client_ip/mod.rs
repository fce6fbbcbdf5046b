//! Determines the client's address behind trusted proxies.
//!
//! A client chooses what it writes into `X-Forwarded-For`. Only the entry that a trusted proxy appended says where a
//! connection comes from, so the header is read from the right, and only if the socket's peer is such a proxy.

mod admit;
mod forwarded;
mod layer;
mod peer;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{layer::ClientIpLayer, service::ClientIpService, settings::InvalidNetwork};
