//! The interface between layers and a store with which several nodes share limits.
//!
//! A layer first decides by its own counts, and then asks the store. It does so in handshakes, up to a [`Deadline`]
//! that all layers of a handshake share. Messages never wait for the store: what they may use is bought ahead. If the
//! store cannot be reached in time it is [`Away`], which says what the layer does instead.
//!
//! Revocations and commands to live connections are sent to all nodes. They are carried out on their own node at once,
//! and [`Broadcast`] says whether the store has accepted them for the others.
//!
//! A store implements [`SharePermits`], [`ShareRates`], [`ShareQuotas`], [`ShareTickets`], [`ShareRevocations`] and
//! [`ShareCommands`]; layers take one with their method `shared`. A drain notifies a [`Member`] that its server stops.
//! `portcullis-redis` has all of them.

mod away;
mod broadcast;
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
pub use self::commands::{Command, CommandAction, CommandHandler, CommandTarget, NodeId, ShareCommands};
pub use self::{
    away::Away,
    broadcast::{Broadcast, BroadcastError},
    deadline::Deadline,
    member::Member,
    name::{Name, NotHexadecimal},
    permits::{Denied, Gone, OnGone, PermitRequest, SharePermits, SharedPermit, Taken, WhenFull},
    quotas::{Buyer, Grant, Purchase, ShareQuotas},
    rates::{Charged, Rate, ShareRates},
    revocations::{Issued, Revocation, RevocationCopy, ShareRevocations},
    tickets::{ShareTickets, Spent},
};
