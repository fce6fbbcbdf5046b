//! Limits that several nodes share: what a layer and the store that counts for all nodes say to each other.
//!
//! A layer decides by what it counts itself, and then asks the store. The store is asked in handshakes, by a
//! [`Deadline`] that all layers of a handshake have in common. No message waits for it: what messages may spend is
//! bought ahead. When the store cannot be asked in time it is [`Away`], which says what the layer does instead.
//!
//! What concerns live connections, a revocation or a command to close, is not asked but told: to all nodes, by
//! whichever of them has it. It is done on its own node at once, and [`Announced`] says whether the others are told.
//!
//! A store implements [`SharePermits`], [`ShareRates`], [`ShareQuotas`], [`ShareTickets`], [`ShareRevocations`] and
//! [`ShareCommands`]; layers take one with their method `shared`. A drain tells a [`Member`] that its server stops.
//! `portcullis-redis` has all of them.

mod announced;
mod away;
#[cfg(feature = "guard")]
mod commands;
mod deadline;
mod member;
mod name;
mod permits;
mod quotas;
mod rates;
mod revocations;
mod tickets;

#[cfg(feature = "guard")]
pub use self::commands::{Command, Meant, NodeId, Obey, Order, ShareCommands};
pub use self::{
    announced::{Announced, NotTold},
    away::Away,
    deadline::Deadline,
    member::Member,
    name::{Name, NotHexadecimal},
    permits::{Denied, Gone, OnGone, PermitRequest, SharePermits, SharedPermit, Taken, WhenFull},
    quotas::{Buyer, Purchase, ShareQuotas, Sold},
    rates::{Charged, Rate, ShareRates},
    revocations::{Issued, Revocation, RevocationCopy, ShareRevocations},
    tickets::{ShareTickets, Spent},
};
