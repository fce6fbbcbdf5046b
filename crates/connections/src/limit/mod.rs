//! Limits the number of live connections.

mod admit;
mod capacity;
mod cluster;
mod layer;
mod permits;
mod policy;
mod service;
mod settings;
#[cfg(test)]
mod tests;

#[cfg(feature = "internals")]
pub(crate) use self::permits::{Key, Permit, Pool};
pub use self::{capacity::Limit, layer::ConnectionLimitLayer, service::ConnectionLimitService};
