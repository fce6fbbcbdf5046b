//! Limits on live connections.

mod admit;
mod capacity;
mod layer;
mod permits;
mod policy;
mod service;
mod settings;

pub use self::{capacity::Limit, layer::ConnectionLimitLayer, service::ConnectionLimit};
