//! The live connections of a server: one registry for all who list, kick, revoke or drain.

#[cfg(feature = "axum")]
mod extract;
mod index;
mod layer;
mod live;
mod service;
mod shared;
mod whom;

pub use self::{layer::ConnectionsLayer, live::Connections, service::ConnectionsService, whom::Whom};
