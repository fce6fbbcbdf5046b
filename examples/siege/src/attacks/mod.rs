//! The attacks, and the clients that must get through.

mod all;
mod attack;
mod beside;
mod connections;
mod deploy;
mod frames;
mod liveness;
mod pages;
mod polite;
mod rates;
mod sizes;
mod tokens;
mod wire;

#[cfg(test)]
pub(crate) use self::attack::Want;
pub(crate) use self::{all::all, attack::Attack};
