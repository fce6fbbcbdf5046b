//! Limits how often clients connect, and how often their plain requests fail to authenticate.
//!
//! Handshakes and failed credentials are counted apart: a client that guesses tokens with plain requests does not lock
//! itself out of its WebSocket, and one that reconnects often does not lose its other requests.

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
