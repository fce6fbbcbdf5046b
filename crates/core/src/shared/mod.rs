//! Limits that several nodes share: what a layer and the store that counts for all nodes say to each other.
//!
//! A layer decides by what it counts itself, and then asks the store. The store is asked in handshakes only, by a
//! [`Deadline`] that all layers of a handshake have in common. When it cannot be asked in time it is [`Away`], which
//! says what the layer does instead.
//!
//! A store implements [`SharePermits`] and [`ShareRates`]; layers take one with their method `shared`.
//! `portcullis-redis` has one.

mod away;
mod deadline;
mod name;
mod permits;
mod rates;

pub use self::{
    away::Away,
    deadline::Deadline,
    name::Name,
    permits::{Denied, Gone, OnGone, PermitRequest, SharePermits, SharedPermit, Taken, WhenFull},
    rates::{Charged, Rate, ShareRates},
};
