//! Quotas that several nodes share.
//!
//! What a node counts itself decides first, and always stands. What it lets in must be bought of the store, too: a
//! [`stock`] is what this node has bought of one key's quota, and [`stocks`] are those of all keys that have
//! connections here. [`holding`] is a connection's part in one. Where the store is away, or does not answer in time,
//! [`share`] says what the node may admit by itself.
//!
//! Nothing here waits or allocates where a message is judged. The store is told to sell, and tells the stock of its
//! answer.

mod holding;
mod share;
mod stock;
mod stocks;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    holding::{Holding, Need},
    stocks::{Sharing, Stocks},
};
