//! How often new connections may be asked for.

mod admit;
mod layer;
mod rate;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{layer::HandshakeRateLayer, service::HandshakeRate};
