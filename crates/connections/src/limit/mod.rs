//! Limits on live connections.

mod capacity;
mod future;
mod layer;
mod policy;
mod pool;
mod service;
mod settings;

pub use self::{capacity::Limit, future::ResponseFuture, layer::ConnectionLimitLayer, service::ConnectionLimit};
