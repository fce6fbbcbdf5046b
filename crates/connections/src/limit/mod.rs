//! Limits the number of live connections.
//!
//! A permit is taken in the handshake, and held by the connection until its transport has ended. `admit` takes it, the
//! connection holds it, and `permits` counts: there is no path on which a connection ends and its permit does not.

mod admit;
mod capacity;
mod cluster;
mod layer;
mod occupancy;
mod permits;
mod policy;
mod service;
mod settings;
#[cfg(test)]
mod tests;

#[cfg(feature = "internals")]
pub(crate) use self::permits::{Key, Permit, Pool};
pub use self::{
    capacity::Limit,
    layer::ConnectionLimitLayer,
    occupancy::{LimitScope, Occupancy},
    service::ConnectionLimitService,
};
