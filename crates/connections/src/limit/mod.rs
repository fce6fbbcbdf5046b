//! Limits on live connections.

mod future;
mod layer;
mod policy;
mod pool;
mod service;

pub use self::{
    future::ResponseFuture,
    layer::{ConnectionLimitLayer, Limit},
    service::ConnectionLimit,
};
