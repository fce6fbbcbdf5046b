//! The registry of live connections, used to list, close, revoke and drain them.

#[cfg(feature = "axum")]
mod extract;
mod index;
mod layer;
mod live;
mod service;
mod shared;
mod target;

pub use self::{layer::ConnectionsLayer, live::Connections, service::ConnectionsService, target::Target};
