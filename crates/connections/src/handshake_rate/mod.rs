//! Limits how often clients connect, and how often their plain requests fail to authenticate.

mod admit;
mod cluster;
mod future;
mod layer;
mod rate;
mod service;
mod settings;
mod share;
#[cfg(test)]
mod tests;

pub use self::{future::HandshakeRateFuture, layer::HandshakeRateLayer, service::HandshakeRateService};
