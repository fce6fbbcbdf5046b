//! The registry of live connections, used to list, close, revoke and drain them.
//!
//! Connections are found by id, by subject and by client address without a look at the others. They enter with their
//! handshake and leave when their transport has ended; nothing has to remove them.

#[cfg(feature = "axum")]
mod extract;
mod index;
mod layer;
mod live;
mod roll;
mod service;
mod shared;
mod target;

pub use self::{layer::ConnectionsLayer, live::Connections, service::ConnectionsService, target::Target};
