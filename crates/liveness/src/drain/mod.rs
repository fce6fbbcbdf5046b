//! The drain: how it begins, in which order clients are closed, and when it is over. [`Drain`] has the rules.
//!
//! `handle` is what users hold, `state` is what all handles and layers share, `run` is the procedure, and `spread`
//! decides when each connection is closed.

mod count;
mod drained;
mod future;
mod handle;
mod layer;
mod run;
mod served;
mod service;
mod settings;
mod spread;
mod state;

pub use self::{drained::Drained, future::DrainFuture, handle::Drain, layer::DrainLayer, service::DrainService};
