//! Determines the client's address behind trusted proxies.

mod admit;
mod forwarded;
mod layer;
mod peer;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{layer::ClientIpLayer, service::ClientIpService, settings::InvalidNetwork};
